// SPDX-License-Identifier: MIT
/*
 * Echo server, by a completion port: a packet is
 * of a receive, which is answered overlapped, or of an answer, whose slot receives
 * again.
 *
 *	echo-iocp PORT [COUNT]		PORT 0: any; ends after COUNT datagrams
 *
 * cc echo-iocp.c $(pkg-config --cflags --libs odgram-winsock), or a Windows compiler.
 */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS	8

struct slot {
	WSAOVERLAPPED ov;		/* the first member: a packet has its address */
	WSABUF buf;
	struct sockaddr_in from;
	INT fromlen;
	DWORD flags;
	int answering;
	char data[65536];
};

static struct slot slots[SLOTS];
static SOCKET s = INVALID_SOCKET;

static void failed(const char *what)
{
	fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
	exit(1);
}

static void post(struct slot *slot)
{
	slot->answering = 0;
	slot->buf.len = sizeof(slot->data);
	slot->buf.buf = slot->data;
	slot->fromlen = sizeof(slot->from);
	slot->flags = 0;
	if (WSARecvFrom(s, &slot->buf, 1, NULL, &slot->flags,
			(struct sockaddr *)&slot->from, &slot->fromlen, &slot->ov, NULL) &&
	    WSAGetLastError() != WSA_IO_PENDING)
		failed("WSARecvFrom");
}

static void answer(struct slot *slot, DWORD n)
{
	slot->answering = 1;
	slot->buf.len = n;
	if (WSASendTo(s, &slot->buf, 1, NULL, 0, (struct sockaddr *)&slot->from,
		      slot->fromlen, &slot->ov, NULL) &&
	    WSAGetLastError() != WSA_IO_PENDING)
		failed("WSASendTo");
}

int main(int argc, char **argv)
{
	long left = argc > 2 ? atol(argv[2]) : -1;
	struct sockaddr_in at;
	INT len = sizeof(at);
	OVERLAPPED *ov;
	ULONG_PTR key;
	WSADATA data;
	HANDLE port;
	DWORD n;
	BOOL ok;
	int i;

	if (argc < 2 || WSAStartup(MAKEWORD(2, 2), &data))
		return fprintf(stderr, "usage: echo-iocp PORT [COUNT]\n"), 2;
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	at.sin_port = htons((u_short)atoi(argv[1]));
	if (s == INVALID_SOCKET || bind(s, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(s, (struct sockaddr *)&at, &len))
		failed("bind");
	port = CreateIoCompletionPort((HANDLE)s, NULL, 0, 0);
	if (!port)
		failed("CreateIoCompletionPort");
	for (i = 0; i < SLOTS; i++)
		post(&slots[i]);
	printf("port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	while (left) {
		struct slot *slot;

		ok = GetQueuedCompletionStatus(port, &n, &key, &ov, INFINITE);
		if (!ov)
			failed("GetQueuedCompletionStatus");
		slot = (struct slot *)ov;
		/* A report of an answer that nobody took is no datagram. */
		if (ok && !slot->answering) {
			answer(slot, n);
			continue;
		}
		if (slot->answering && left > 0)
			left--;
		post(slot);
	}
	closesocket(s);
	CloseHandle(port);
	WSACleanup();
	return 0;
}
