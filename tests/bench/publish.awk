# SPDX-License-Identifier: MIT
#
# The files of a run, from what report.awk has read: bench.json (all of it),
# table.md (for the README) and columns for gnuplot.

function pair(key, value) { printf "  \"%s\": \"%s\",\n", key, value >json }

function open_list(key) { printf "  \"%s\": [\n", key >json }
function close_list(last) { printf "\n  ]%s\n", last ? "" : "," >json }

function json_rows(   l, i, load, name, comma) {
	open_list("receivers")
	for (l = 1; l <= nr_loads; l++)
		for (i = 1; i <= nr_names; i++) {
			load = loads[l]; name = names[i]
			if (!((load, name) in total))
				continue
			printf "%s    {\"load\": \"%s\", \"name\": \"%s\", \"label\": \"%s\", \"tells_more\": %s,\n", \
				comma, load, name, label[name], told[name] ? "true" : "false" >json
			printf "     \"post\": %s, \"send_rx\": %s, \"take\": %s, \"total\": %s, \"min\": %s, \"max\": %s,\n", \
				post[load, name], send[load, name], take[load, name], \
				total[load, name], min[load, name], max[load, name] >json
			printf "     \"R\": %.1f, \"system_calls\": %s, \"context_switches\": %s}", \
				R(load, name), calls[load, name], switches[load, name] >json
			comma = ",\n"
		}
	close_list(0)
}

function json_floors(   l) {
	open_list("floors")
	for (l = 1; l <= nr_loads; l++)
		printf "%s    {\"load\": \"%s\", \"begin\": %s, \"end\": %s}", (l > 1 ? ",\n" : ""), \
			loads[l], floor_begin[loads[l]], floor_end[loads[l]] >json
	close_list(0)
}

function json_woken(   i) {
	open_list("woken")
	for (i = 1; i <= nr_woken; i++)
		printf "%s    {\"name\": \"%s\", \"total\": %s, \"system_calls\": %s, \"context_switches\": %s}", \
			(i > 1 ? ",\n" : ""), woken[i], woken_total[woken[i]], \
			woken_calls[woken[i]], woken_switches[woken[i]] >json
	close_list(0)
}

# table[NAME, value] for all of both lists; what: the key of the value.
function json_table(key, what, table, who, nr_who, values, nr_values,   i, v, comma) {
	open_list(key)
	for (i = 1; i <= nr_who; i++)
		for (v = 1; v <= nr_values; v++) {
			if (!((who[i], values[v]) in table))
				continue
			printf "%s    {\"name\": \"%s\", \"%s\": %s, \"total\": %s}", comma, \
				who[i], what, values[v], table[who[i], values[v]] >json
			comma = ",\n"
		}
	close_list(0)
}

# table[KEY] for the keys, a string of words
function json_simple(key, table, keys, last,   k, n, word) {
	printf "  \"%s\": {", key >json
	n = split(keys, word, " ")
	for (k = 1; k <= n; k++)
		printf "%s\"%s\": %s", (k > 1 ? ", " : ""), word[k], table[word[k]] + 0 >json
	printf "}%s\n", last ? "" : "," >json
}

function write_json(   i, runs, who, deep) {
	print "{" >json
	pair("licence", "SPDX-License-Identifier: MIT")
	pair("unit", "instructions per datagram, medians; rtt: nanoseconds")
	pair("commit", commit)
	pair("kernel", kernel)
	pair("cmdline", cmdline)
	pair("emulator", "qemu " emulator)
	pair("machine", machine)
	json_floors()
	json_rows()
	json_woken()
	split("ring uring-oneshot", deep, " ")
	json_table("outstanding", "depth", depth_total, deep, 2, depths, nr_depths)
	split("floor ring epoll uring-multishot", who, " ")
	json_table("sockets", "count", sockets_total, who, 4, counts, nr_counts)
	for (i = 1; i <= nr_runs; i++)
		runs[i] = i
	json_table("rtt_median", "run", rtt, ways, nr_ways, runs, nr_runs)
	json_table("rtt_undisturbed", "run", undisturbed, ways, nr_ways, runs, nr_runs)
	if (fifo_count)
		printf "  \"order\": {\"datagrams\": %s, \"outstanding\": %s, \"violations\": %s},\n", \
			fifo_count, fifo_depth, fifo_violations >json
	growth["counters"] = stats_growth("64 single")
	growth["histogram"] = hist_growth("64 single")
	json_simple("ring_growth", growth, "counters histogram", 0)
	json_simple("memory", memory, "ring uring-oneshot", 0)
	json_simple("plain_socket", plain, "unloaded loaded bound", 1)
	print "}" >json
}

# For the README: what a reader compares first.
function write_table(   file, i, n, name, s, long, shown) {
	file = into "/table.md"
	n = split("filter ring ring-event ring-hist ring-standing rio post64 wsa-now wsa-event wsa-routine " \
		"wsa-iocp recvfrom recvmmsg64 epoll epoll-recvmmsg64 uring-multishot " \
		"uring-oneshot-late recvmsg-info recvmmsg64-info uring-multishot-info", shown, " ")
	s = "64 single"; long = "1400 single"
	print "| R, instructions per datagram | told | 64 bytes | 1400 bytes | UDP_SEGMENT, 64 bytes | system calls |" >file
	print "|---|---|--:|--:|--:|--:|" >file
	for (i = 1; i <= n; i++) {
		name = shown[i]
		if (!(name in label))
			continue
		printf "| %s | %s | %.0f | %.0f | %.0f | %.2f |\n", label[name], \
			told[name] ? "more" : "", R(s, name), R(long, name), \
			R("64 gso", name), calls[s, name] >file
	}
	printf "\nE itself is %.0f, %.0f and %.0f. Of the goals this project has, %d of %d are met.\nLinux %s, odgram %s, `%s`, qemu %s\n`%s`.\n", \
		total[s, "floor"], total[long, "floor"], total["64 gso", "floor"], \
		nr_met, nr_goals, kernel, commit, cmdline, emulator, machine >file
}

function write_plots(   i, name, s, file, a) {
	s = "64 single"
	file = into "/costs"
	for (i = 2; i <= nr_names; i++) {
		name = names[i]
		a = send[s, name] - total[s, "floor"]
		a = a > 0 ? a : 0
		printf "%s%s\t%.1f\t%.1f\t%.1f\n", label[name], \
			told[name] ? " *" : "", a, a + post[s, name], \
			a + post[s, name] + take[s, name] >file
	}
	file = into "/depths"
	for (i = 1; i <= nr_depths; i++)
		printf "%d\t%.1f\t%.1f\n", depths[i], depth_R("ring", depths[i]), \
			depth_R("uring-oneshot", depths[i]) >file
}

function publish() {
	json = into "/bench.json"
	write_json()
	write_table()
	write_plots()
}
