#!/bin/bash
# SPDX-License-Identifier: MIT
#
# usage: tests/lib/link.sh
#
# Installs the library into a temporary root and uses it as a program would:
# compiles against it in C and C++ by pkg-config, with gcc and clang, links with
# the shared and the static library, runs what it linked, and compares the
# exported symbols with the version script. Prints TAP. Needs no module.

# Flags are split into words on purpose, and ok() calls the functions.
# shellcheck disable=SC2046,SC2068,SC2086,SC2317

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=SCRIPTDIR/tap
. tests/lib/tap
root=$tmp/root
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
export LD_LIBRARY_PATH=$root/usr/lib

strict='-Wall -Wextra -Werror'
flags() { pkg-config --cflags --libs "$1"; }
static() { echo "$(pkg-config --cflags "$1") $root/usr/lib/libodgram.a -pthread -lmnl"; }

cat >"$tmp/native.src" <<'END'
#include <odgram.h>
#include <stdio.h>

int main(void)
{
	struct odg_port *port = NULL;
	char text[400];
	uint32_t idx;
	int err = odg_port_open(&port, 64, 0);

	if (!err)
		err = (int)odg_cq_peek(odg_port_cq(port), &idx);
	odg_port_close(port);
	puts(odg_explain(ODG_CALL_OPEN, err, text, sizeof(text)));
	return text[0] == '\0';
}
END

# The shape of the overlapped receiver that every Winsock tutorial shows.
cat >"$tmp/winsock.src" <<'END'
#ifndef UNICODE
#define UNICODE
#endif
#define WIN32_LEAN_AND_MEAN

#include <winsock2.h>
#include <Ws2tcpip.h>
#include <stdio.h>

int __cdecl main()
{
	WSADATA data;
	WSAOVERLAPPED ov;
	SOCKET s = INVALID_SOCKET;
	SOCKADDR_IN at, sender;
	int sender_size = sizeof (sender), rc, err;
	u_short port = 0;
	char bytes[64];
	WSABUF buf;
	DWORD got = 0, flags = 0;

	rc = WSAStartup(MAKEWORD(2, 2), &data);
	if (rc != 0) {
		wprintf(L"WSAStartup: %d\n", rc);
		return 1;
	}
	SecureZeroMemory((PVOID) &ov, sizeof (WSAOVERLAPPED));
	ov.hEvent = WSACreateEvent();
	if (ov.hEvent == NULL)
		return 2;
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	if (s == INVALID_SOCKET)
		return 3;
	at.sin_family = AF_INET;
	at.sin_port = htons(port);
	at.sin_addr.s_addr = htonl(INADDR_ANY);
	if (bind(s, (SOCKADDR *) & at, sizeof (at)) == SOCKET_ERROR)
		return 4;
	buf.len = sizeof (bytes);
	buf.buf = bytes;
	rc = WSARecvFrom(s, &buf, 1, &got, &flags, (SOCKADDR *) & sender,
			 &sender_size, &ov, NULL);
	err = WSAGetLastError();
	if (rc == 0 || (err != WSA_IO_PENDING && err != WSASYSNOTREADY))
		return 5;
	rc = WSAWaitForMultipleEvents(1, &ov.hEvent, TRUE, 0, TRUE);
	if (rc == WSA_WAIT_FAILED || rc == WSA_WAIT_EVENT_0)
		return 6;
	WSACloseEvent(ov.hEvent);
	if (closesocket(s) != 0)
		return 7;
	WSACleanup();
	wprintf(L"done\n");
	return 0;
}
END

# compile_alone COMPILER HEADER
compile_alone() {
	echo "#include <$2>" | $1 $strict $(pkg-config --cflags odgram-winsock) \
		-fsyntax-only -
}

# build COMPILER NAME FLAGS...: compile NAME.src, link, run
build() {
	local cc=$1 name=$2
	shift 2
	$cc -Wall -Wextra -Werror -Wno-sign-compare "$tmp/$name.src" -x none $@ \
		-o "$tmp/$name" && "$tmp/$name"
}

exports() {
	nm -D --defined-only "$root/usr/lib/libodgram.so" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$tmp/exports"
	sed -n '/global:/,/local:/s/^\t\([A-Za-z_0-9]*\);$/\1/p' userlib/libodgram.map |
		sort >"$tmp/map"
	diff "$tmp/map" "$tmp/exports" && [ -s "$tmp/map" ]
}

# What the static library would put into a program's name space; DW.ref. is the compiler's.
static_names() {
	! nm -g --defined-only "$root/usr/lib/libodgram.a" 2>/dev/null |
		awk 'NF == 3 { print $3 }' | grep -v '^odg[nw]_\|^DW\.ref\.' | sort |
		comm -23 - "$tmp/map" | grep .
}

declared() {
	local name
	while read -r name; do
		grep -qrw "$name" "$root/usr/include" || echo "$name: in no header"
	done <"$tmp/map" | { ! grep .; }
}

has_soname() {
	readelf -d "$root/usr/lib/libodgram.so" | grep -q 'SONAME.*\[libodgram\.so\.0\]'
}

manual_pages() {
	local page
	for page in "$root"/usr/share/man/man?/*.[378]; do
		[ ! -L "$page" ] || continue
		MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z \
			"$page" 2>&1 >/dev/null
	done | { ! grep .; }
}

documented() {
	local name
	while read -r name; do
		[ -e "$root/usr/share/man/man3/$name.3" ] || echo "$name: no page"
	done <"$tmp/map" | { ! grep .; }
}

short_echoes() {
	wc -l userlib/examples/echo-*.c | awk '$2 != "total" && $1 >= 120' | { ! grep .; }
}

# A tree of its own: the installation is not made by who may be building.
ok "make install" make -s -C userlib BUILD="$tmp/build" WERROR=1 \
	DESTDIR="$root" PREFIX=/usr install
for header in odgram.h odgram_ring.h linux/odgram.h winsock2.h ws2tcpip.h Ws2tcpip.h ws2def.h \
	windows.h odgram_observe.h odgram_options.h; do
	for cc in 'gcc -x c -std=c11' 'clang -x c -std=c11' \
		'gcc -x c++ -std=c++11' 'clang -x c++ -std=c++17'; do
		ok "$header alone, $cc" compile_alone "$cc" "$header"
	done
done
for cc in 'gcc -x c' 'clang -x c' 'g++ -x c++' 'clang++ -x c++'; do
	ok "native, shared, $cc" build "$cc" native "$(flags odgram)"
	ok "native, static, $cc" build "$cc" native "$(static odgram)"
	ok "Winsock, shared, $cc" build "$cc" winsock "$(flags odgram-winsock)"
	ok "Winsock, static, $cc" build "$cc" winsock "$(static odgram-winsock)"
done
ok "first.c as in its first line" \
	cc userlib/examples/first.c $(flags odgram) -o "$tmp/first"
ok "the echo servers have less than 120 lines each" short_echoes
ok "exports are those of the map" exports
ok "the static library defines no other names" static_names
ok "every export is declared" declared
ok "soname" has_soname
ok "manual pages without warnings" manual_pages
ok "every export has a manual page" documented
echo "1..$n"
exit $failed
