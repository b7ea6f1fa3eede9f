# SPDX-License-Identifier: MIT
#
# Counts a stream of TAP or KTAP. Prints "pass TEXT", "fail TEXT" or "skip TEXT"
# per test.
#
# A parent's line sums up its subtests (deeper indented lines before it), so it
# is not counted again, unless it failed and they did not. A plan that is not
# fulfilled, and a block that ends badly, is a failure. Blocks are marked by
# who runs the program: "# begin NAME", "# end NAME STATUS" (NAME "-": not worth
# a mention). A skipped test is "ok" or (old cmocka) "not ok" with "# SKIP".

function result(kind, text) {
	print kind " " (block == "-" ? "" : block ": ") text
	if (kind == "fail")
		failed++
}

function close_plan(d, how, i) {
	# the plans of this depth and of all below it
	for (i in plan)
		if (i + 0 >= d) {
			if (seen[i] < plan[i])
				result("fail", "ended after " seen[i] + 0 " of " plan[i] " tests" how)
			delete plan[i]
			delete seen[i]
		}
}

function end_block(status) {
	close_plan(0, (status == 124 || status == 137 ? ": time limit" : ": status " status) where)
	if (!planned)
		result("fail", "no test plan (status " status ")")
	else if (status != 0 && !failed)
		result("fail", "ended with " status)
	block = ""
}

/^# begin / {
	if (block != "")
		end_block("no end")
	block = $3
	planned = failed = deepest = 0
	where = ""
	delete seen
	next
}

# What tests/where.c says, of the process that was deepest in.
sub(/^# process [0-9]+ was in /, ", in ") {
	if (length($0) > length(where))
		where = $0
	next
}

/^# end / {
	if (block != "")
		end_block($4)
	next
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	depth = RLENGTH
	line = substr($0, depth + 1)
}

line ~ /^1\.\.[0-9]+/ {
	planned = 1
	n = substr(line, 4) + 0
	if (!(depth in plan) && seen[depth]) {
		# a plan may also stand behind its tests
		if (seen[depth] != n)
			result("fail", "ran " seen[depth] " of " n " tests")
		delete seen[depth]
		next
	}
	close_plan(depth)
	plan[depth] = n
	seen[depth] = 0
	next
}

line ~ /^(not )?ok( |$)/ {
	bad = line ~ /^not /
	text = line
	sub(/^(not )?ok *[0-9]* *(- *)?/, "", text)
	for (i in plan)
		if (i + 0 > depth) {
			close_plan(depth + 1)
			break
		}
	seen[depth]++
	if (deepest > depth) {
		# sums up what stood before it
		if (bad && !children_failed)
			result("fail", text)
		deepest = depth
		if (depth == 0)
			children_failed = 0
		next
	}
	if (depth == 0)
		children_failed = 0
	deepest = depth
	if (sub(/^# *(SKIP|skip) */, "", text) || text ~ /# *(SKIP|skip)/)
		result("skip", text)
	else if (bad) {
		result("fail", text)
		children_failed = 1
	} else
		result("pass", text)
}

END {
	if (block != "")
		end_block("no end")
}
