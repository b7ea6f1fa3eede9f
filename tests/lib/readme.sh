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

number() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" tests/bench/results/64.json; }
column() { sed -n '/^<!-- bench -->/,/^<!-- end -->/s/^| .* | *\([0-9]*\) |$/\1/p' README.md; }

echo 1..2
is 1 "the README's first program is $first" "$(block)" "$(cat "$first")"
is 2 "the README's numbers are those published" "$(column)" "$(number R)"
exit $status
