# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that is still used after many concurrent instances.

set terminal svg size 900,400 dynamic noenhanced background rgb 'white' font 'sans-serif,12'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9
set yrange [0:*]
set ylabel 'MiB after 1,000 concurrent instances'
set xlabel 'max_unused_warm_slots (N)'
set grid ytics lc rgb '#dddddd'
set key top left

plot for [i = 2 : 4] data using i:xtic(1) \
	lc rgb word('#d62728 #1f77b4 #2ca02c', i - 1) title columnheader(i)
