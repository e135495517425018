# SPDX-License-Identifier: GPL-2.0-only
#
# Cost of a cycle over the number of pages that the instance writes.

set terminal svg size 900,440 dynamic noenhanced background rgb 'white' font 'sans-serif,12'
set logscale xy
set xrange [0.8:1300]
set yrange [500:1e7]
set xtics (1, 4, 16, 64, 256, 1024)
set format y '%.0s%c'
set grid ytics lc rgb '#dddddd'

# Column numbers of cycle.awk
set linetype 3 lc rgb '#000000' dt 2
set linetype 4 lc rgb '#d62728'
set linetype 5 lc rgb '#ff9896'
set linetype 6 lc rgb '#1f77b4'
set linetype 7 lc rgb '#17becf'
set linetype 8 lc rgb '#2ca02c'
set linetype 9 lc rgb '#9467bd'
set linetype 10 lc rgb '#8c564b'
array name[10] = ['', '', 'floor', 'RESET', 'FREE+ALLOC', 'raw scan', \
	'keep', 'madvise', 'mmap', 'fork']

set multiplot layout 1, 2
set ylabel 'cost of a cycle'
set xlabel 'pages written, together'
unset key
plot for [i = 3 : 10] data using (strcol(1) eq 'together' ? $2 : NaN):i with linespoints \
	lt i lw 2 pt 7 ps 0.5
unset ylabel
set key bottom right reverse Left
set xlabel 'pages written, scattered'
plot for [i = 3 : 10] data using (strcol(1) eq 'scattered' ? $2 : NaN):i with linespoints \
	lt i lw 2 pt 7 ps 0.5 title name[i]
