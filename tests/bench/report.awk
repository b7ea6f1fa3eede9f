# SPDX-License-Identifier: MIT
#
# Reads what tests/bench printed (the heads of its files say what) and prints the
# tables. goals.awk judges, publish.awk writes the files; the three run as one.
# Variables: kernel emulator machine two_cpus cmdline commit.

BEGIN { FS = "\t" }

# The rows of a module built in another way are told apart, and its floors are its own.
$1 == "module" { built = $2 == "odgram" ? "" : $2 }
built && $1 == "row" { other[built, $2, $3] = $9 }
built { next }
$1 == "floor" { loads[++nr_loads] = $2; floor_begin[$2] = $3; floor_end[$2] = $4 }
$1 == "row" {
	if (!($3 in label)) {
		names[++nr_names] = $3
		label[$3] = $4
		told[$3] = $5
	}
	post[$2, $3] = $6; send[$2, $3] = $7; take[$2, $3] = $8; total[$2, $3] = $9
	min[$2, $3] = $10; max[$2, $3] = $11
	calls[$2, $3] = $12; switches[$2, $3] = $13
}
$1 == "woken" {
	woken[++nr_woken] = $2
	woken_total[$2] = $3; woken_calls[$2] = $4; woken_switches[$2] = $5
}
$1 == "depth" {
	if ($2 == "floor")
		depth_floor[++nr_depth_floors] = $8
	else if (!(($2, $3) in depth_total) && $2 == "ring")
		depths[++nr_depths] = $3
	depth_posting[$2, $3] = $5
	depth_total[$2, $3] = $8
}
$1 == "sockets" {
	if ($2 == "floor")
		counts[++nr_counts] = $3
	sockets_total[$2, $3] = $7
}
$1 == "fifo" { fifo_count = $2; fifo_depth = $3; fifo_violations = $4 }
$1 == "memory" { memory[$2] = $4 }
$1 == "plain" { plain[$2] = $3 }
$1 == "rtt" {
	if (!(("", $2) in rtt)) {
		ways[++nr_ways] = $2
		rtt["", $2] = 1
	}
	rtt[$2, $3] = $4
	undisturbed[$2, $3] = $5
	if ($3 > nr_runs)
		nr_runs = $3
}

function R(load, name) { return total[load, name] - total[load, "floor"] }
function other_R(build, load, name) { return other[build, load, name] - other[build, load, "floor"] }
function woken_R(name) { return woken_total[name] - total["64 gso", "floor"] }
function depth_R(name, depth) { return depth_total[name, depth] - depth_floor[1] }
function sockets_R(name, count) {
	return sockets_total[name, count] - sockets_total["floor", count]
}

# The median over the runs of a way's time, or of its ratio to the ring's; table is
# rtt or undisturbed.
function over_runs(table, way, ratio,   run, i, v, t) {
	for (run = 1; run <= nr_runs; run++) {
		v[run] = table[way, run] / (ratio ? table["ring", run] : 1000)
		for (i = run; i > 1 && v[i] < v[i - 1]; i--) {
			t = v[i]; v[i] = v[i - 1]; v[i - 1] = t
		}
	}
	return v[int((nr_runs + 1) / 2)]
}

# How many times the ring's: the smaller of both ways to say it.
function rtt_times(way,   a, b) {
	a = over_runs(rtt, way, 1)
	b = over_runs(undisturbed, way, 1)
	return a < b ? a : b
}

function heading(text) { printf "\n%s\n", text }

function print_costs(load,   i, name) {
	heading(load ": instructions per datagram; R = total - E")
	printf "%-38s %5s %7s %7s %7s %7s %7s %6s %6s\n", "", "told", "post", \
		"send+rx", "take", "total", "R", "calls", "switch"
	for (i = 1; i <= nr_names; i++) {
		name = names[i]
		if ((load, name) in total)
			printf "%-38s %5s %7.0f %7.0f %7.0f %7.0f %7.0f %6.2f %6.2f\n", \
				label[name], told[name] ? "more" : "", post[load, name], \
				send[load, name], take[load, name], total[load, name], \
				R(load, name), calls[load, name], switches[load, name]
	}
	printf "E was %.0f before and %.0f after the repetitions\n", floor_begin[load], \
		floor_end[load]
}

# What watching costs the ring.  Counters cannot be switched off: the module was built
# once more with a receive path that does not count, -DODG_UNCOUNTED=1.
function stats_growth(load) { return R(load, "ring") - other_R("uncounted", load, "ring") }
function hist_growth(load) { return R(load, "ring-hist") - R(load, "ring") }

function print_growth(load) {
	if (!((load, "ring-hist") in total))
		return
	heading(load ": what watching adds to R of the ring")
	if (("uncounted", load, "ring") in other)
		printf "%-62s %+6.0f\n", "its counters, against a module built without (ODG_UNCOUNTED)", \
			stats_growth(load)
	printf "%-62s %+6.0f\n", "a latency histogram, against the ring without one", hist_growth(load)
}

function print_loads(   i, l) {
	heading("R for each load: bytes, and how the burst of 64 was sent")
	printf "%-38s %5s", "", "told"
	for (l = 1; l <= nr_loads; l++)
		printf " %11s", loads[l]
	printf "\n"
	for (i = 1; i <= nr_names; i++) {
		printf "%-38s %5s", label[names[i]], told[names[i]] ? "more" : ""
		for (l = 1; l <= nr_loads; l++)
			printf " %11.0f", R(loads[l], names[i])
		printf "\n"
	}
}

function print_woken(   i, name) {
	heading("64 gso, into a receiver that sleeps and is woken once a burst")
	printf "%-38s %7s %7s %6s %6s\n", "", "total", "R", "calls", "switch"
	for (i = 1; i <= nr_woken; i++) {
		name = woken[i]
		printf "%-38s %7.0f %7.0f %6.2f %6.2f\n", label[name], woken_total[name], \
			woken_R(name), woken_calls[name], woken_switches[name]
	}
}

function print_depths(   i) {
	heading("R with many receives outstanding on one socket, posting included")
	printf "%8s %14s %24s\n", "", "odgram, ring", "io_uring, one request each"
	for (i = 1; i <= nr_depths; i++)
		printf "%8d %14.0f %24.0f\n", depths[i], depth_R("ring", depths[i]), \
			depth_R("uring-oneshot", depths[i])
}

function print_sockets(   i) {
	heading("R with many sockets, one datagram each a round")
	printf "%8s %14s %20s %20s\n", "", "odgram, rings", "epoll + recvfrom", \
		"io_uring multishot"
	for (i = 1; i <= nr_counts; i++)
		printf "%8d %14.0f %20.0f %20.0f\n", counts[i], \
			sockets_R("ring", counts[i]), sockets_R("epoll", counts[i]), \
			sockets_R("uring-multishot", counts[i])
}

function print_rtts(   i) {
	heading(sprintf("Round trip between two CPUs, emulated time: medians over %d runs in turn", nr_runs))
	printf "(%s)\n", two_cpus
	printf "%-20s %12s %9s %14s %9s\n", "", "median, us", "/ ring's", "10th perc., us", "/ ring's"
	for (i = 1; i <= nr_ways; i++)
		printf "%-20s %12.0f %9.2f %14.0f %9.2f\n", ways[i], \
			over_runs(rtt, ways[i], 0), over_runs(rtt, ways[i], 1), \
			over_runs(undisturbed, ways[i], 0), over_runs(undisturbed, ways[i], 1)
}

function print_report(   l) {
	printf "linux %s, odgram %s, qemu %s\n", kernel, commit, emulator
	printf "qemu: %s\ncmdline: %s\n", machine, cmdline
	printf "\"told more\": arrival time and interface with each datagram, beside data and sender\n"
	for (l = 1; l <= nr_loads; l++)
		if (loads[l] ~ /^64 /)
			print_costs(loads[l])
	if (nr_loads > 1)
		print_loads()
	print_growth("64 single")
	if (nr_woken)
		print_woken()
	if (nr_depths)
		print_depths()
	if (nr_counts)
		print_sockets()
	if (fifo_count)
		heading(sprintf("Order: %d datagrams at %d outstanding, %d out of order", \
			fifo_count, fifo_depth, fifo_violations))
	if ("ring" in memory)
		heading(sprintf("Memory of an outstanding receive: ring %.0f bytes, io_uring %.0f", \
			memory["ring"], memory["uring-oneshot"]))
	if ("bound" in plain)
		heading(sprintf("A plain socket's send + recvfrom: %.0f without the module, %.0f with it, %.0f once another socket is bound", \
			plain["unloaded"], plain["loaded"], plain["bound"]))
	if (nr_ways)
		print_rtts()
}

# Floors that moved: the numbers cannot be compared.
function invalid(   l, bad) {
	for (l = 1; l <= nr_loads; l++)
		bad += moved(loads[l], floor_begin[loads[l]], floor_end[loads[l]])
	if (nr_depth_floors)
		bad += moved("outstanding receives", depth_floor[1], depth_floor[nr_depth_floors])
	return bad
}

function moved(what, from, to) {
	if (to - from <= 0.01 * from && from - to <= 0.01 * from)
		return 0
	heading(sprintf("%s: E moved from %.0f to %.0f, more than 1 %%: do not use these numbers", \
		what, from, to))
	return 1
}

END {
	print_report()
	if (invalid())
		exit 1
	if (judge)
		print_goals()
	if (into)
		publish()
}
