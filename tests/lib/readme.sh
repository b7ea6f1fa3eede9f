#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: tests/lib/readme.sh [--write]
#
# Holds the README to the files it shows: the first program, and the published
# numbers. TAP. --write puts the program into the README instead.

cd "$(dirname "$0")/../.." || exit

first=userlib/examples/first.c

# The lines of the program in the README, without the fence.
block() { sed -n "\\|^<!-- $first -->|,/^<!-- end -->/{/^<!--/d;/^\`\`\`/d;p}" README.md; }

case ${1:-} in
--help | -h)
	sed -n '3,/^$/{/^#/!q;s/^# \{0,1\}//p}' "$0"
	exit
	;;
--write)
	tmp=$(mktemp)
	{ echo '```c'; cat "$first"; echo '```'; } >"$tmp"
	sed -i -e "\\|^<!-- $first -->|,/^<!-- end -->/{//!d}" \
		-e "\\|^<!-- $first -->|r $tmp" README.md
	rm -f "$tmp"
	exit
	;;
esac

status=0
is() {
	if cmp -s <(echo "$3") <(echo "$4"); then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		diff <(echo "$3") <(echo "$4") | sed 's/^/# /'
		status=1
	fi
}

results=tests/bench/results/bench.json

# "LABEL R" of every row of the README's table, at 64 bytes.
rows() {
	sed -n '/^<!-- bench -->/,/^<!-- end -->/p' README.md |
		awk -F ' *[|] *' '$4 ~ /^[0-9]+$/ { print $2 ($3 == "more" ? " *" : "") "\t" $4 }'
}

# The same from the measurement: a receiver takes three lines there.
measured() {
	awk -F '"' '/"load": / { take = $4 == "64 single"; label = $12; more = $15 ~ /true/ }
		take && $2 == "R" { split($3, r, /[:,] */)
			printf "%s%s\t%.0f\n", label, more ? " *" : "", r[2] }' "$results"
}

# Each of the README's rows, as it was measured; "-" for one that was not.
published() {
	awk -F '\t' 'NR == FNR { r[$1] = $2; next }
		{ print $1 "\t" ($1 in r ? r[$1] : "-") }' <(measured) <(rows)
}

echo 1..3
is 1 "the README's first program is $first" "$(block)" "$(cat "$first")"
is 2 "the README's numbers are those published" "$(rows)" "$(published)"
is 3 "the README has numbers" "$(rows | wc -l | awk '{ print ($1 > 10) }')" 1
exit $status
