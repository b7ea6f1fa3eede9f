// SPDX-License-Identifier: MIT
/*
 * Echo server, by completion routines: eight receives; the routine of each sends
 * the answer, overlapped, and the routine of the answer posts the receive again.
 *
 *	echo-routine PORT [COUNT]	PORT 0: any; ends after COUNT datagrams
 *
 * cc echo-routine.c $(pkg-config --cflags --libs odgram-winsock), or a Windows
 * compiler.
 */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS	8

struct slot {
	WSAOVERLAPPED ov;		/* the first member: a routine gets its address */
	WSABUF buf;
	struct sockaddr_in from;
	INT fromlen;
	DWORD flags;
	char data[65536];
};

static struct slot slots[SLOTS];
static SOCKET s = INVALID_SOCKET;
static long left = -1;

static void failed(const char *what)
{
	fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
	exit(1);
}

static void post(struct slot *slot);

static void CALLBACK sent(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	(void)error;
	(void)n;
	(void)flags;
	if (left > 0)
		left--;
	post((struct slot *)ov);
}

/* A report of an answer that nobody took is no datagram. */
static void CALLBACK received(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	struct slot *slot = (struct slot *)ov;

	(void)flags;
	if (error) {
		post(slot);
		return;
	}
	slot->buf.len = n;
	if (WSASendTo(s, &slot->buf, 1, NULL, 0, (struct sockaddr *)&slot->from,
		      slot->fromlen, &slot->ov, sent) &&
	    WSAGetLastError() != WSA_IO_PENDING)
		failed("WSASendTo");
}

static void post(struct slot *slot)
{
	slot->buf.len = sizeof(slot->data);
	slot->buf.buf = slot->data;
	slot->fromlen = sizeof(slot->from);
	slot->flags = 0;
	if (WSARecvFrom(s, &slot->buf, 1, NULL, &slot->flags,
			(struct sockaddr *)&slot->from, &slot->fromlen, &slot->ov,
			received) &&
	    WSAGetLastError() != WSA_IO_PENDING)
		failed("WSARecvFrom");
}

int main(int argc, char **argv)
{
	struct sockaddr_in at;
	INT len = sizeof(at);
	WSADATA data;
	int i;

	if (argc < 2 || WSAStartup(MAKEWORD(2, 2), &data))
		return fprintf(stderr, "usage: echo-routine PORT [COUNT]\n"), 2;
	if (argc > 2)
		left = atol(argv[2]);
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	at.sin_port = htons((u_short)atoi(argv[1]));
	if (s == INVALID_SOCKET || bind(s, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(s, (struct sockaddr *)&at, &len))
		failed("bind");
	for (i = 0; i < SLOTS; i++)
		post(&slots[i]);
	printf("port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	/* All the work is done in the routines, and they run in here. */
	while (left)
		SleepEx(INFINITE, TRUE);
	closesocket(s);
	WSACleanup();
	return 0;
}
