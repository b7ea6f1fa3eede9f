// SPDX-License-Identifier: MIT
/*
 * The receiver of "make demo", written as for Windows: overlapped
 * receives stand ready before anything arrives; each is taken when its event is
 * set, and posted again before anything else is done.
 *
 * Two things here are not Winsock.  SO_TIMESTAMPNS asks Linux for the time at
 * which a datagram arrived, and odg_observe() shows the completion's times,
 * for which OVERLAPPED has no field.
 */
#include <odgram_observe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "demo.h"

#define POSTED		16
#define IDLE_MS		20000	/* nothing for so long: the rest is lost */

/* One receive.  The overlapped stands first, so its address is the slot's. */
struct slot {
	WSAOVERLAPPED overlapped;
	unsigned char data[DEMO_MAX];
	struct sockaddr_in from;
	INT fromlen;
	struct odg_cqe_wide info;
};

static struct slot slots[POSTED];
static WSAEVENT events[POSTED];
static SOCKET sock;

static void fail(const char *what)
{
	int err = WSAGetLastError();

	fprintf(stderr, "demo-recv: %s: error %d%s\n", what, err,
		err == WSASYSNOTREADY ? " (is the odgram module loaded?)" : "");
	exit(1);
}

static void note(WSAOVERLAPPED *overlapped, const struct odg_cqe_wide *cqe,
		 void *arg)
{
	(void)arg;
	((struct slot *)overlapped)->info = *cqe;
}

static void post(struct slot *slot)
{
	WSABUF buf = { sizeof(slot->data), (CHAR *)slot->data };
	DWORD flags = 0;

	slot->fromlen = sizeof(slot->from);
	if (WSARecvFrom(sock, &buf, 1, NULL, &flags,
			(struct sockaddr *)&slot->from, &slot->fromlen,
			&slot->overlapped, NULL) &&
	    WSAGetLastError() != WSA_IO_PENDING)
		fail("WSARecvFrom");
}

static void join(const char *group, const char *interface)
{
	struct ip_mreq req;

	if (inet_pton(AF_INET, group, &req.imr_multiaddr) != 1 ||
	    inet_pton(AF_INET, interface, &req.imr_interface) != 1) {
		fprintf(stderr, "demo-recv: not an address: %s %s\n", group,
			interface);
		exit(2);
	}
	if (setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, (const char *)&req,
		       sizeof(req)))
		fail("joining the group");
}

/* One line a completion; returns the time from arrival to completion. */
static long long show(const struct slot *slot, DWORD bytes, long long number)
{
	const struct odg_cqe_wide *info = &slot->info;
	long long took = info->done_ns - info->cqe.rx_ns;
	time_t sec = info->cqe.rx_ns / 1000000000;
	char sender[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN], clock[16];
	struct tm tm;

	inet_ntop(AF_INET, &slot->from.sin_addr, sender, sizeof(sender));
	inet_ntop(AF_INET, info->local, to, sizeof(to));
	strftime(clock, sizeof(clock), "%H:%M:%S", gmtime_r(&sec, &tm));
	printf("%4lld  %s:%-5u -> %-12s %5u bytes  %s.%09llu  %11.1f us\n",
	       number, sender, ntohs(slot->from.sin_port), to, bytes, clock,
	       (unsigned long long)(info->cqe.rx_ns % 1000000000), took / 1e3);
	return took;
}

static int by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* Takes the datagrams 0 .. count - 1.  Returns how many things were wrong. */
static int receive(int count)
{
	static int next;	/* receives complete in the order of posting */
	long long *took = calloc(count, sizeof(*took)), bytes_sum = 0, number;
	int good = 0, wrong = 0, dropped = 0, expected = 0;
	static struct slot taken;

	printf("%4s  %-16s    %-12s %11s  %-18s  %s\n", "nr", "sender", "to",
	       "size", "arrived (UTC)", "until complete");

	while (took && expected < count) {
		struct slot *slot = &slots[next];
		DWORD bytes, flags;

		if (WSAWaitForMultipleEvents(1, &events[next], FALSE, IDLE_MS,
					     FALSE) != WSA_WAIT_EVENT_0)
			break;
		if (!WSAGetOverlappedResult(sock, &slot->overlapped, &bytes,
					    FALSE, &flags))
			fail("WSAGetOverlappedResult");
		taken = *slot;
		WSAResetEvent(events[next]);
		post(slot);
		next = (next + 1) % POSTED;

		dropped += taken.info.cqe.drops;
		number = demo_check(taken.data, bytes);
		if (number < expected || number >= count ||
		    !(taken.info.cqe.flags & ODG_CQE_RX_STACK)) {
			printf("datagram %lld, %u bytes: damaged, out of order or without arrival time\n",
			       number, bytes);
			wrong++;
		} else {
			took[good++] = show(&taken, bytes, number);
			bytes_sum += bytes;
		}
		if (number >= expected)
			expected = number + 1;
	}

	qsort(took, good, sizeof(*took), by_value);
	printf("received %d of %d, %lld bytes; lost %d, wrong %d, dropped by the socket %d\n",
	       good, count, bytes_sum, count - good - wrong, wrong, dropped);
	if (good)
		printf("arrival to completion: median %.1f us, 90 %% %.1f, 99 %% %.1f, longest %.1f\n",
		       took[good / 2] / 1e3, took[good * 90 / 100] / 1e3,
		       took[good * 99 / 100] / 1e3, took[good - 1] / 1e3);
	free(took);
	return count - good + wrong + dropped;
}

/* Closing the socket completes what is still posted; then the events may go. */
static int finish(void)
{
	int pending = 0;

	closesocket(sock);
	for (int i = 0; i < POSTED; i++)
		if (WSAWaitForMultipleEvents(1, &events[i], FALSE, IDLE_MS,
					     FALSE) != WSA_WAIT_EVENT_0)
			pending++;
		else
			WSACloseEvent(events[i]);
	printf("\nclosed: %d of %d receives that were still posted ended\n",
	       POSTED - pending, POSTED);
	WSACleanup();
	return pending;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int on = 1, count, bad;
	WSADATA data;

	if (argc != 5) {
		fprintf(stderr, "usage: demo-recv PORT COUNT GROUP INTERFACE-ADDRESS\n"
			"Receives COUNT datagrams, then COUNT more sent to GROUP.\n");
		return 2;
	}
	at.sin_port = htons(atoi(argv[1]));
	count = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);

	if (WSAStartup(MAKEWORD(2, 2), &data)) {
		fprintf(stderr, "demo-recv: WSAStartup failed\n");
		return 1;
	}
	sock = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
			 WSA_FLAG_OVERLAPPED);
	if (sock == INVALID_SOCKET)
		fail("WSASocket");
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)))
		fail("bind");
	if (setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, (const char *)&on,
		       sizeof(on)))
		fail("SO_TIMESTAMPNS");
	join(argv[3], argv[4]);

	odg_observe(note, NULL);
	for (int i = 0; i < POSTED; i++) {
		events[i] = WSACreateEvent();
		if (events[i] == WSA_INVALID_EVENT)
			fail("WSACreateEvent");
		slots[i].overlapped.hEvent = events[i];
		post(&slots[i]);
	}
	printf("ready: %d receives posted\n", POSTED);

	printf("\nunicast\n");
	bad = receive(count);
	printf("\nmulticast, group %s\n", argv[3]);
	bad += receive(count);

	bad += finish();
	return bad != 0;
}
