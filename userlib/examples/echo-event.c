// SPDX-License-Identifier: MIT
/*
 * Echo server, by events: eight receives with an event each.  They complete in the
 * order of posting, so the wait is for one after the other.
 *
 *	echo-event PORT [COUNT]		PORT 0: any; ends after COUNT datagrams
 *
 * cc echo-event.c $(pkg-config --cflags --libs odgram-winsock), or a Windows compiler.
 */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS	8

struct slot {
	WSAOVERLAPPED ov;
	WSABUF buf;
	struct sockaddr_in from;
	INT fromlen;
	DWORD flags;
	char data[65536];
};

static struct slot slots[SLOTS];

static int failed(const char *what)
{
	fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
	return 1;
}

static int post(SOCKET s, struct slot *slot)
{
	slot->buf.len = sizeof(slot->data);
	slot->buf.buf = slot->data;
	slot->fromlen = sizeof(slot->from);
	slot->flags = 0;
	if (!WSARecvFrom(s, &slot->buf, 1, NULL, &slot->flags,
			 (struct sockaddr *)&slot->from, &slot->fromlen, &slot->ov, NULL) ||
	    WSAGetLastError() == WSA_IO_PENDING)
		return 0;
	return failed("WSARecvFrom");
}

/* answer - what came; reports of earlier answers that nobody took are no datagrams */
static int answer(SOCKET s, struct slot *slot)
{
	DWORD n, sent;

	if (!WSAGetOverlappedResult(s, &slot->ov, &n, FALSE, &slot->flags))
		return 0;
	slot->buf.len = n;
	if (WSASendTo(s, &slot->buf, 1, &sent, 0, (struct sockaddr *)&slot->from,
		      slot->fromlen, NULL, NULL))
		failed("WSASendTo");
	return 1;
}

int main(int argc, char **argv)
{
	long left = argc > 2 ? atol(argv[2]) : -1;
	WSAEVENT events[SLOTS];
	struct sockaddr_in at;
	INT len = sizeof(at);
	int i, next = 0;
	WSADATA data;
	DWORD which;
	SOCKET s;

	if (argc < 2 || WSAStartup(MAKEWORD(2, 2), &data))
		return fprintf(stderr, "usage: echo-event PORT [COUNT]\n"), 2;
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	at.sin_port = htons((u_short)atoi(argv[1]));
	if (s == INVALID_SOCKET || bind(s, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(s, (struct sockaddr *)&at, &len))
		return failed("bind");
	for (i = 0; i < SLOTS; i++) {
		events[i] = slots[i].ov.hEvent = WSACreateEvent();
		if (post(s, &slots[i]))
			return 1;
	}
	printf("port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	while (left) {
		which = WSAWaitForMultipleEvents(1, &events[next], TRUE, WSA_INFINITE, FALSE);
		if (which == WSA_WAIT_FAILED)
			return failed("WSAWaitForMultipleEvents");
		if (answer(s, &slots[next]) && left > 0)
			left--;
		if (post(s, &slots[next]))
			return 1;
		next = (next + 1) % SLOTS;
	}
	closesocket(s);
	WSACleanup();
	return 0;
}
