#!/bin/bash
# SPDX-License-Identifier: MIT
#
# usage: tests/lib/tool.sh
#
# The odgram tool where there is no module: what it says to that and to wrong
# arguments, its completion, and "odgram replay", which needs none. Prints TAP.

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=SCRIPTDIR/tap
. tests/lib/tap
odgram=build/userlib/odgram

# says STATUS TEXT ARGUMENT...: the tool ends so, with that on standard error
# shellcheck disable=SC2317 # called by ok()
says() {
	local want=$1 text=$2 status=0
	shift 2
	timeout 60 "$odgram" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	cat "$tmp/out" "$tmp/err"
	echo "status $status, wanted $want with: $text"
	[ "$status" = "$want" ] && grep -qF -- "$text" "$tmp/err"
}

# shellcheck disable=SC2317 # called by ok()
prints() {
	"$odgram" "$@" >"$tmp/out" && cat "$tmp/out" && [ -s "$tmp/out" ]
}

make -s -C userlib >&2 || exit 1
cc -Wall -o "$tmp/gen" tests/feed/gen.c -lpcap || exit 1
"$tmp/gen" 400 100000 "$tmp/feed.pcap" || exit 1
head -c 4003 "$tmp/feed.pcap" >"$tmp/cut.pcap"
head -c 24 "$tmp/feed.pcap" >"$tmp/empty.pcap"
# UDP (17) becomes TCP (6) in the one packet that is left: an IPv4 header begins
# 16 bytes behind the file's 24, its protocol stands in byte 9.
head -c $((24 + 16 + 48)) "$tmp/feed.pcap" >"$tmp/tcp.pcap"
printf '\006' | dd of="$tmp/tcp.pcap" bs=1 seek=$((24 + 16 + 9)) conv=notrunc 2>/dev/null
# Link type USER0 (147), in the file's header.
{ head -c 20 "$tmp/feed.pcap"; printf '\223\0\0\0'; tail -c +25 "$tmp/feed.pcap"; } >"$tmp/link.pcap"
head -c 3000 /dev/urandom >"$tmp/noise.pcap"

for command in ports sockets stats top watch hist recv replay doctor; do
	ok "$command --help" prints $command --help
done
ok "no command" says 2 "which command?"
ok "unknown command" says 2 "no command fly" fly

for call in "top -n -1" "top -n 0" "top -n" "top -d ." "watch -n -1" "watch -n 1x" "watch -n +1"; do
	# shellcheck disable=SC2086 # words
	ok "$call" says 2 "wrong arguments" $call
done

if [ ! -e /sys/class/misc/odgram ]; then
	for call in ports "sockets --json" stats "top -n 1" "watch -n 1" "hist on all"; do
		# shellcheck disable=SC2086 # words
		ok "$call: no module" says 1 "sudo modprobe odgram" $call
	done
fi

# completes WORD...: what bash would offer for the last of these
completes() {
	PATH=build/userlib:$PATH bash -c '. userlib/tools/odgram.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_odgram; echo "${COMPREPLY[*]}"' - odgram "$@"
}
ok "completion: commands" test "$(completes s)" = "sockets stats"
ok "completion: options" test "$(completes ports --j)" = "--json"
ok "completion: verbs" test "$(completes hist o)" = "on off"
ok "completion: nothing more" test -z "$(completes doctor --help x)"
ok "completion: options of recv" test "$(completes recv --ev)" = "--events"
ok "completion: formats" test "$(completes recv -f '')" = "moldudp64"
ok "completion: files" test "$(completes replay "$tmp/noi")" = "$tmp/noise.pcap"
ok "completion: options of replay" test "$(completes replay --s)" = "--speed"

ok "recv: no line" says 2 "1 to 8 lines wanted" recv
ok "recv: nine lines" says 2 "1 to 8 lines wanted" recv 1.1.1.{1..9}:1
ok "recv: unequal lines" says 2 "line B has 1 groups, line A 2" recv 239.1.1.1:1,239.1.1.2:1 239.2.1.1:1
ok "recv: an empty group" says 2 "no port" recv 239.1.1.1:1,
ok "recv: too many slots" says 2 "at most 262144 slots" recv --slots 16384 "$(printf '239.1.1.%d:1,' {1..16})239.1.1.17:1"
ok "recv: no port" says 2 "no port" recv 239.1.1.1
ok "recv: port 0" says 2 "not a port" recv 239.1.1.1:0
ok "recv: port 65536" says 2 "not a port" recv 239.1.1.1:65536
ok "recv: a name" says 2 "not a numeric address" recv localhost:1
ok "recv: no such interface" says 2 "no such interface" recv 239.1.1.1:1@nowhere
ok "recv: source of another family" says 2 "of that family" recv 239.1.1.1:1/::1
ok "recv: format" says 2 "moldudp64 or OFFSET:WIDTH" recv -f 8:3 239.1.1.1:1
ok "recv: count" says 2 "--count 0" recv -n 0 239.1.1.1:1
ok "recv: count is no number" says 2 "--count 1x" recv -n 1x 239.1.1.1:1
ok "recv: size" says 2 "--size 65537" recv --size 65537 239.1.1.1:1
ok "recv: a source of no group" says 2 "for a multicast group only" recv 10.0.0.1:1/10.0.0.2
ok "recv: events of no feed" says 2 "--events needs --format" recv -e 239.1.1.1:1
ok "recv: a clock of no interface" says 2 "line B has no interface" recv --hw 239.1.1.1:1@lo 239.1.1.1:2
ok "recv: JSON cannot be written" says 1 "$tmp/no/f.json" recv --json="$tmp/no/f.json" 239.1.1.1:1
ok "recv: unknown option" says 2 "unrecognized option" recv --fly 239.1.1.1:1
ok "recv: file cannot be made" says 1 "$tmp/no/f.pcap" recv -w "$tmp/no/f.pcap" 239.1.1.1:1
if [ ! -e /dev/odgram ]; then
	ok "recv: no module" says 1 "/dev/odgram" recv 239.1.1.1:1
fi

ok "replay: no file" says 2 "one capture wanted" replay
ok "replay: missing" says 1 "$tmp/none.pcap" replay "$tmp/none.pcap"
ok "replay: a directory" says 1 "$tmp" replay "$tmp"
ok "replay: no IP in it" says 1 "no IP packets in link type" replay "$tmp/link.pcap"
ok "replay: a source" says 2 "a source is for receiving" replay -t 239.1.1.1:9/10.0.0.1 "$tmp/feed.pcap"
ok "replay: not a capture" says 1 "noise.pcap" replay "$tmp/noise.pcap"
ok "replay: cut off" says 1 "truncated" replay -s 0 -t 127.0.0.1:9 "$tmp/cut.pcap"
ok "replay: nothing in it" says 1 "no UDP datagram" replay "$tmp/empty.pcap"
ok "replay: no UDP in it" says 1 "no UDP datagram" replay "$tmp/tcp.pcap"
ok "replay: speed" says 2 "--speed fast" replay -s fast "$tmp/feed.pcap"
ok "replay: ttl" says 2 "--ttl 256" replay --ttl 256 "$tmp/feed.pcap"
ok "replay: bad target" says 2 "not a port" replay -t 127.0.0.1:x "$tmp/feed.pcap"
ok "replay: all is sent" prints replay -s 0 -t 127.0.0.1:9 -t '[::1]:9' "$tmp/feed.pcap"
datagrams=$(sed -n 's/ datagrams sent, 0 failed, 0 packets .*//p' "$tmp/out")
# Within 100 datagrams a second, 40 messages take 0.3 s or more: heartbeats too.
"$tmp/gen" 40 100 "$tmp/slow.pcap"
# paced SPEED: milliseconds that takes
# shellcheck disable=SC2317
paced() {
	local start
	start=$(date +%s%N)
	"$odgram" replay -s "$1" -t 127.0.0.1:9 "$tmp/slow.pcap" >/dev/null || return
	echo $((($(date +%s%N) - start) / 1000000))
}
full=$(paced 1)
half=$(paced 0.5)
ok "replay: at its own pace" test "$full" -ge 300
ok "replay: at half of it" test "$half" -ge $((2 * 300))
ok "replay: to each target" test "$((datagrams % 2))" = 0 -a "${datagrams:-0}" -gt 200

echo "1..$n"
exit $failed
