# SPDX-License-Identifier: MIT
#
# The two pictures of a run. Variables: costs, depths (files of columns, see
# publish.awk) and into, the directory they go to.

# A bar from one column to the next.
set datafile separator "\t"
set style fill solid 1 noborder
set grid

stats costs using 2 nooutput
set terminal svg size 900,120+24*STATS_records font "sans,13" background "white" noenhanced
set output into."/cost.svg"
set title "R of a 64-byte datagram, in instructions (*: time and interface told, too)"
set key outside bottom center horizontal
set xrange [0:]
set yrange [*:*]
set ytics scale 0
plot costs using (0):(-$0):(0):2:(-$0-.38):(-$0+.38):ytic(1) with boxxyerror lc "#4477aa" title "softirq", \
	"" using (0):(-$0):2:3:(-$0-.38):(-$0+.38) with boxxyerror lc "#ccbb44" title "post", \
	"" using (0):(-$0):3:4:(-$0-.38):(-$0+.38) with boxxyerror lc "#66ccee" title "take"

reset
set datafile separator "\t"
set grid
set terminal svg size 900,360 font "sans,13" background "white" noenhanced
set output into."/depth.svg"
set title "instructions a datagram costs above the floor, by receives outstanding on one socket"
set key top left
set logscale xy
set xrange [1:65536]
set yrange [100:*]
set xlabel "receives outstanding"
set format y "10^%L"
plot depths using 1:3 with linespoints lw 2 pt 7 lc "#ee6677" title "io\_uring, one request each", \
	"" using 1:2 with linespoints lw 2 pt 7 lc "#4477aa" title "odgram, receive ring"
