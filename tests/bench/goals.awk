# SPDX-License-Identifier: MIT
#
# The goals, each a figure of this run against what is asked; report.awk has read
# them. A goal whose receiver was not measured is "not measured", not met.

function goal(id, text, known, value, relation, need, aim,   met) {
	if (!known) {
		printf "%-4s %-62s %8s %2s %-6s %s\n", id, text, "-", relation, need, \
			"not measured"
		return
	}
	met = relation == "<=" ? value <= need : value >= need
	nr_met += met
	nr_goals++
	printf "%-4s %-62s %8s %2s %-6s %s%s\n", id, text, figure(value), relation, need, \
		met ? "met" : "NOT MET", aim == "" ? "" : " (aim " aim ")"
}

function figure(value) { return sprintf(value < 10 ? "%.2f" : "%.0f", value) }

# How many times the ring's R another's is.
function times(load, name) { return has(load, name) && has(load, "ring") ? R(load, name) / R(load, "ring") : 0 }
function has(load, name) { return (load, name) in total }
function ratio(a, b) { return b ? a / b : 0 }

function print_goals(   s, g, deep, many) {
	s = "64 single"; g = "64 gso"
	deep = depths[nr_depths]; many = counts[nr_counts]
	heading("Goals")
	goal("G1", "R at 64 bytes, ring, spinning", has(s, "ring"), R(s, "ring"), "<=", 300, 200)
	goal("G2", "R: recvfrom / ring", has(s, "recvfrom"), times(s, "recvfrom"), ">=", 6, 9)
	goal("", "R: recvmmsg of 64 / ring", has(s, "recvmmsg64"), times(s, "recvmmsg64"), ">=", 6, 9)
	goal("G3", "R: io_uring multishot / ring", has(s, "uring-multishot"), times(s, "uring-multishot"), ">=", 7, 10.8)
	goal("G4", "R: epoll + recvfrom / ring", has(s, "epoll"), times(s, "epoll"), ">=", 9, 15)
	goal("G5", "total, UDP_SEGMENT burst: recvmmsg of 64 / ring", has(g, "ring"), \
		ratio(total[g, "recvmmsg64"], total[g, "ring"]), ">=", 1.6, 1.8)
	goal("G6", "R at 1400 bytes: recvfrom / ring", has("1400 single", "ring"), times("1400 single", "recvfrom"), ">=", 4, 6)
	goal("G7", "system calls per datagram, ring, spinning", has(s, "ring"), calls[s, "ring"], "<=", 0)
	goal("", "context switches per datagram, ring, spinning", has(s, "ring"), \
		switches[s, "ring"] < 0.005 ? 0 : switches[s, "ring"], "<=", 0)
	goal("G8", "R, ring, asleep, woken by eventfd once a burst of 64", "ring-event" in woken_total, woken_R("ring-event"), "<=", 500, 450)
	goal("", "its system calls a burst", "ring-event" in woken_total, 64 * woken_calls["ring-event"], "<=", 2)
	goal("G9", "posting one receive in a ring", nr_depths, depth_posting["ring", deep], "<=", 30, 20)
	goal("G10", "R at " deep " outstanding / R at 1", nr_depths, \
		ratio(depth_R("ring", deep), depth_R("ring", 1)), "<=", 1.05, 1.02)
	goal("G11", "R at " deep " outstanding: io_uring / ring", nr_depths, \
		ratio(depth_R("uring-oneshot", deep), depth_R("ring", deep)), ">=", 1000, 10000)
	goal("G12", "datagrams out of order, " fifo_count " at " fifo_depth " outstanding", fifo_count, fifo_violations, "<=", 0)
	goal("G13", "bytes of memory per outstanding receive", "ring" in memory, memory["ring"], "<=", 64, 48)
	goal("G14", "R with " many " sockets / R with 16", nr_counts, \
		ratio(sockets_R("ring", many), sockets_R("ring", 16)), "<=", 1.1, 1.03)
	goal("G15", "R with " many " sockets: epoll + recvfrom / ring", nr_counts, \
		ratio(sockets_R("epoll", many), sockets_R("ring", many)), ">=", 6, 10)
	goal("G16", "round trip: recvfrom, blocking / ring", nr_ways, rtt_times("recvfrom-block"), ">=", 4, 5.5)
	goal("G17", "round trip: epoll, spinning / ring", nr_ways, rtt_times("epoll-spin"), ">=", 1.25, 1.4)
	goal("", "round trip: io_uring, spinning / ring", nr_ways, rtt_times("uring-spin"), ">=", 1.25, 1.4)
	goal("G18", "round trip: recvfrom, spinning / ring", nr_ways, rtt_times("recvfrom-spin"), ">=", 1.03, 1.12)
	goal("G21", "a plain socket: module loaded / not loaded", "bound" in plain, ratio(plain["loaded"], plain["unloaded"]), "<=", 1.01)
	goal("", "a plain socket: another one bound / not loaded", "bound" in plain, ratio(plain["bound"], plain["unloaded"]), "<=", 1.01)
	goal("S1", "counters: instructions they add to R of the ring", ("uncounted", s, "ring") in other, stats_growth(s), "<=", 15)
	goal("S2", "a histogram: instructions it adds to R of the ring", has(s, "ring-hist"), hist_growth(s), "<=", 40)
	goal("C1", "R: WSARecvFrom, data waits / recvfrom", has(s, "wsa-now"), ratio(R(s, "wsa-now"), R(s, "recvfrom")), "<=", 1.15)
	goal("C2", "R: WSARecvFrom, event, result / epoll + recvfrom", has(s, "wsa-event"), ratio(R(s, "wsa-event"), R(s, "epoll")), "<=", 1)
	goal("C3", "R: WSARecvFrom, IOCP of 64 / recvmmsg of 64", has(s, "wsa-iocp"), ratio(R(s, "wsa-iocp"), R(s, "recvmmsg64")), "<=", 1)
	printf "%d of %d met\n", nr_met, nr_goals
}
