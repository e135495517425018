# SPDX-License-Identifier: GPL-2.0-only
#
# Page faults of a cycle, and its interrupts of another processor.

set terminal svg size 900,400 dynamic noenhanced background rgb 'white' font 'sans-serif,12'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9
set logscale y
set yrange [0.3:30000]
set ylabel 'in a cycle'
set title '64 pages written, scattered, and 960 read'
set xtics rotate by -20
set grid ytics lc rgb '#dddddd'
set key top left

plot data using 2:xtic(1) title 'page faults' lc rgb '#1f77b4', \
	'' using 3 title 'shootdown interrupts, one other processor' lc rgb '#d62728', \
	'' using ($0 - 0.17):($2 > 0.3 ? $2 * 1.3 : 0.4):(sprintf('%g', $2)) with labels notitle, \
	'' using ($0 + 0.17):($3 > 0.3 ? $3 * 1.3 : 0.4):(sprintf('%g', $3)) with labels notitle
