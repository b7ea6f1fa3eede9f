# SPDX-License-Identifier: MIT
#
# What scripts/bench prints, from what tests/bench/bench.c printed. Writes also
# the files json (all of it), table (Markdown) and plot (columns for gnuplot).
# Variables: kernel emulator machine cmdline commit payload reps, and the files.

$1 == "floor" { begin = $2; end = $3 }
$1 == "row" {
	n++
	name[n] = $2; label[n] = $3
	post[n] = $4; send[n] = $5; take[n] = $6
	total[n] = $7; min[n] = $8; max[n] = $9
}

function R(i) { return E ? sprintf("%.0f", total[i] - E) : "" }

function print_text(   i) {
	printf "Instructions per datagram of %d bytes, bursts of 64 over loopback, one CPU;\n", payload
	printf "medians of %d repetitions. linux %s, odgram %s, qemu %s\n", reps, kernel, commit, emulator
	printf "qemu: %s\ncmdline: %s\n\n", machine, cmdline
	printf "%-32s %8s %8s %8s %8s %8s\n", "", "post", "send+rx", "take", "total", "R"
	for (i = 1; i <= n; i++)
		printf "%-32s %8.0f %8.0f %8.0f %8.0f %8s\n", label[i], post[i], \
			send[i], take[i], total[i], R(i)
	if (E)
		printf "\nE was %.0f before and %.0f after the repetitions\n", begin, end
}

function print_table(   i) {
	print "| instructions per datagram | post | send + receive path | take | total | R |" >table
	print "|---|--:|--:|--:|--:|--:|" >table
	for (i = 1; i <= n; i++)
		printf "| %s | %.0f | %.0f | %.0f | %.0f | %s |\n", label[i], post[i], \
			send[i], take[i], total[i], R(i) >table
	printf "\n%d-byte datagrams; Linux %s, odgram %s, `%s`, qemu %s\n`%s`.\n", \
		payload, kernel, commit, cmdline, emulator, machine >table
}

function print_plot(   i, a) {
	for (i = 2; i <= n; i++) {
		a = send[i] > E ? send[i] - E : 0
		printf "%s\t%.1f\t%.1f\t%.1f\n", label[i], a, a + post[i], a + post[i] + take[i] >plot
	}
}

function pair(key, value) { printf "  \"%s\": \"%s\",\n", key, value >json }
function number(key, value) { printf "  \"%s\": %s,\n", key, value >json }

function print_json(   i) {
	print "{" >json
	pair("licence", "SPDX-License-Identifier: MIT")
	pair("unit", "instructions per datagram, medians")
	pair("commit", commit)
	pair("kernel", kernel)
	pair("cmdline", cmdline)
	pair("emulator", "qemu " emulator)
	pair("machine", machine)
	number("payload", payload)
	number("burst", 64)
	number("repetitions", reps)
	number("floor_begin", begin)
	number("floor_end", end)
	print "  \"receivers\": [" >json
	for (i = 1; i <= n; i++) {
		printf "    {\"name\": \"%s\", \"label\": \"%s\",\n", name[i], label[i] >json
		printf "     \"post\": %s, \"send_rx\": %s, \"take\": %s, ", post[i], send[i], take[i] >json
		printf "\"total\": %s, \"min\": %s, \"max\": %s, \"R\": %s}%s\n", total[i], min[i], \
			max[i], E ? R(i) : "null", i < n ? "," : "" >json
	}
	print "  ]\n}" >json
}

END {
	E = name[1] == "floor" ? total[1] : 0
	print_text()
	if (E && ((end - begin) / begin > 0.01 || (begin - end) / begin > 0.01)) {
		print "the floor moved by more than 1 %: do not use these numbers" >"/dev/stderr"
		exit 1
	}
	print_table()
	print_plot()
	print_json()
}
