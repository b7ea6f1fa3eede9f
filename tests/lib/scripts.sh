#!/bin/bash
# SPDX-License-Identifier: MIT
#
# usage: tests/lib/scripts.sh
#
# The scripts, called in a wrong way: they say so at once, and do nothing. Prints TAP.
#
# shellcheck disable=SC2317 # called by ok()

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=SCRIPTDIR/tap
. tests/lib/tap

# says STATUS TEXT COMMAND...: it ends so, with that on standard error
says() {
	local want=$1 text=$2 status=0
	shift 2
	timeout 60 "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	cat "$tmp/out" "$tmp/err"
	echo "status $status, wanted $want with: $text"
	[ "$status" = "$want" ] && grep -qF -- "$text" "$tmp/err"
}

helps() { "$1" --help >"$tmp/out" && grep -q "^usage: $1" "$tmp/out"; }

for script in bench check demo ids kernel module setup test vm; do
	ok "$script --help" helps scripts/$script
done
for script in bench check demo ids setup test; do
	ok "$script: unknown argument" says 1 "unknown argument --fly" scripts/$script --fly
done
ok "module: unknown option" says 1 "unknown option --fly" scripts/module --fly
ok "kernel: which" says 1 "one kernel wanted" scripts/kernel
ok "kernel: unknown" says 1 "unknown kernel 'x'" scripts/kernel x
ok "vm: unknown option" says 125 "unknown option --fly" scripts/vm --fly
ok "vm: no command" says 125 "no command" scripts/vm
ok "vm: no value" says 125 "--kernel needs a value" scripts/vm --kernel
ok "vm: CPUs" says 125 "--cpus many" scripts/vm --cpus many true
ok "vm: memory" says 125 "--memory 2" scripts/vm --memory 2 true
ok "vm: time" says 125 "--timeout 5s" scripts/vm --timeout 5s true
ok "test: no such tier" says 1 "matches no tier: build lib " scripts/test --only fly
ok "test: no regular expression" says 1 "matches no tier" scripts/test --only '('
ok "demo: count" says 1 "--count 0" scripts/demo --winsock --count 0

echo "1..$n"
exit $failed
