#!/bin/bash
# SPDX-License-Identifier: MIT
#
# usage: tests/lib/gate.sh
#
# That the bench's gate can fail: it is given the published numbers, and such as a
# change for the worse would make of them. Prints TAP.
#
# shellcheck disable=SC2317 # called by ok()

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=SCRIPTDIR/tap
. tests/lib/tap

published=tests/bench/results/bench.json

# with RECEIVER FIELD VALUE: the published numbers, but for that one
with() {
	sed "/\"load\": \"64 single\", \"name\": \"$1\",/,/}/s/\"$2\": [0-9.]*/\"$2\": $3/" \
		"$published" >"$tmp/measured"
	! cmp -s "$published" "$tmp/measured"
}

# more RECEIVER PERCENT: its published R, and that much
more() {
	sed -n "/\"load\": \"64 single\", \"name\": \"$1\",/,/}/s/.*\"R\": \([0-9.]*\).*/\1/p" \
		"$published" | awk -v percent="$2" '{ printf "%.1f", $1 * (100 + percent) / 100 }'
}

passes() { tests/bench/gate "$1"; }

# fails TEXT: it does, by that one line and no other
fails() {
	if tests/bench/gate "$tmp/measured" >"$tmp/gate"; then return 1; fi
	cat "$tmp/gate"
	[ "$(grep -c '^not ok' "$tmp/gate")" = 1 ] && grep -q "^not ok .*$1" "$tmp/gate"
}

dearer() { with "$1" R "$(more "$1" 11)" && fails "$2"; }
a_little() { with "$1" R "$(more "$1" 9)" && passes "$tmp/measured"; }
calls() { with "$1" system_calls 0.016 && fails "$2"; }
missing() { sed "/\"64 single\", \"name\": \"$1\"/d" "$published" >"$tmp/measured" && fails "$2"; }

ok "gate: the published numbers pass" passes "$published"
ok "gate: the ring, 9 % more" a_little ring
ok "gate: WSARecvFrom, 9 % more" a_little wsa-now
ok "gate: the ring, 11 % more" dearer ring "the ring costs"
ok "gate: the ring, a system call" calls ring "the ring makes no system call"
ok "gate: WSARecvFrom of what waits, 11 % more" dearer wsa-now "what waits"
ok "gate: WSARecvFrom of what waits, not measured" missing wsa-now "what waits"
ok "gate: WSARecvFrom with an event, 11 % more" dearer wsa-event "wait and result"
ok "gate: WSARecvFrom with an event, a system call" calls wsa-event "these make no"
ok "gate: another machine" dearer recvfrom "a peer costs"

echo "1..$n"
exit $failed
