// SPDX-License-Identifier: MIT
/*
 * Sixteen receives with completion routines, each posted again from inside its
 * routine.  The program sends itself quotes to receive, in four rounds, and then
 * cancels what is left.
 *
 * cc routines.c $(pkg-config --cflags --libs odgram-winsock), or a Windows compiler.
 */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>
#include <stdlib.h>

#define RECEIVES	16
#define ROUNDS		4

struct quote {
	int round, number;
	double price;
};

/* One receive.  The overlapped is the first member: a routine gets its address. */
struct receive {
	WSAOVERLAPPED overlapped;
	WSABUF buffer;
	struct sockaddr_in from;
	INT fromlen;
	DWORD flags;
	struct quote quote;
};

static SOCKET sock, sender;
static struct receive receives[RECEIVES];
static int received, cancelled, failed, strangers;
static double sum;
static u_short sender_port;

static void post(struct receive *r);

static void CALLBACK completed(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped,
			       DWORD flags)
{
	struct receive *r = (struct receive *)overlapped;

	(void)flags;
	if (error == WSA_OPERATION_ABORTED) {
		cancelled++;
		return;
	}
	if (error || bytes != sizeof(r->quote)) {
		failed++;
		return;
	}
	received++;
	sum += r->quote.price;
	if (r->from.sin_port != sender_port)
		strangers++;
	post(r);
}

static void post(struct receive *r)
{
	r->buffer.len = sizeof(r->quote);
	r->buffer.buf = (char *)&r->quote;
	r->fromlen = sizeof(r->from);
	r->flags = 0;
	if (WSARecvFrom(sock, &r->buffer, 1, NULL, &r->flags,
			(struct sockaddr *)&r->from, &r->fromlen, &r->overlapped,
			completed) == SOCKET_ERROR &&
	    WSAGetLastError() != WSA_IO_PENDING)
		failed++;
}

/* Bound to the loopback, at a port of the system's choice. */
static SOCKET open_socket(struct sockaddr_in *at)
{
	SOCKET s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
			     WSA_FLAG_OVERLAPPED);
	int len = sizeof(*at);

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s == INVALID_SOCKET || bind(s, (struct sockaddr *)at, sizeof(*at)) ||
	    getsockname(s, (struct sockaddr *)at, &len)) {
		fprintf(stderr, "no socket: error %d\n", WSAGetLastError());
		exit(1);
	}
	return s;
}

int main(void)
{
	struct sockaddr_in at, from;
	WSADATA data;
	int i, round;

	if (WSAStartup(MAKEWORD(2, 2), &data))
		return 1;
	sock = open_socket(&at);
	sender = open_socket(&from);
	sender_port = from.sin_port;

	for (i = 0; i < RECEIVES; i++)
		post(&receives[i]);
	printf("%d receives are posted\n", RECEIVES);

	for (round = 1; round <= ROUNDS; round++) {
		for (i = 0; i < RECEIVES; i++) {
			struct quote quote = { round, i, round + i / 100.0 };

			sendto(sender, (char *)&quote, sizeof(quote), 0,
			       (struct sockaddr *)&at, sizeof(at));
		}
		/* The routines run in here, and nowhere else. */
		while (received + failed < round * RECEIVES)
			SleepEx(INFINITE, TRUE);
		printf("round %d: %d received, prices add up to %.2f\n", round,
		       received, sum);
	}

	CancelIo((HANDLE)sock);
	while (cancelled < RECEIVES && !failed)
		SleepEx(INFINITE, TRUE);
	printf("%d cancelled, %d failed, %d from strangers\n", cancelled, failed,
	       strangers);
	closesocket(sender);
	closesocket(sock);
	return WSACleanup();
}
