// SPDX-License-Identifier: MIT
/*
 * Bursts: BURST datagrams are sent, by as many calls or by UDP_SEGMENT, then the
 * receiver takes them.  Three parts are timed: the receiver's posting before, the
 * sends, the receiver's taking.  All receivers take turns in every repetition, and
 * the floor (odgram told to drop) stands at both ends of it.
 *
 *   floor LOAD BEGIN END
 *   row LOAD NAME LABEL TELLS-MORE POST SEND DRAIN TOTAL MIN MAX SYSCALLS SWITCHES
 *
 * per datagram: the middle one of a measurement's bursts, for in some of them a timer
 * ticks, and of these the medians over the repetitions; LOAD is "64 single", say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define MAX_REPS	32
#define MAX_ROWS	64
#define BURSTS		12	/* of one measurement */
#define WARM		2	/* and before it */
#define MAX_UDP		65507

struct sample {
	double post, send, drain, total;
};

/* A line of the table. */
struct row {
	const struct receiver *rx;
	struct sample sample[MAX_REPS];
	struct counts counts;
};

/* One receiver at work. */
struct lane {
	const struct receiver *rx;
	int rx_fd, tx_fd;
	struct sockaddr_in from;
	struct sample last;		/* burst */
};

unsigned char rx_buf[BURST][MAX_PAYLOAD] __attribute__((aligned(4096)));
struct got got[BURST];

static unsigned char tx_buf[BURST * MAX_PAYLOAD];
static unsigned char untouched[MAX_PAYLOAD];
static unsigned int payload, reps;
static bool gso;

static const struct receiver *const lists[] = {
	floor_receivers, ring_receivers, rio_receivers, post_receivers,
	winsock_receivers, socket_receivers, uring_receivers,
};

const struct receiver *burst_receiver(const char *name)
{
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const struct receiver *rx = lists[l]; rx->name; rx++)
			if (!strcmp(rx->name, name))
				return rx;
	die("%s: no such receiver", name);
}

void burst_load(unsigned int bytes, bool segment)
{
	payload = bytes;
	gso = segment;
	memset(untouched, WANT_BUFFER, sizeof(untouched));
}

/* Of each datagram. */
unsigned int burst_bytes(void)
{
	return payload;
}

/* Only those named, if any are. */
static bool wanted(const struct receiver *rx, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], rx->name))
			return true;
	return !count;
}

void burst_prepare(void)
{
	static uint32_t serial;		/* numbers every datagram of the run */

	for (int i = 0; i < BURST; i++)
		fill(tx_buf + i * payload, payload, serial++);
	memset(rx_buf, WANT_BUFFER, sizeof(rx_buf));
	memset(got, 0, sizeof(got));
}

void burst_check(const struct receiver *rx, const struct sockaddr_in *from)
{
	for (int i = 0; i < BURST; i++) {
		const struct got *g = &got[i];

		if (g->len != payload)
			die("%s: datagram %d has %u bytes, not %u", rx->name, i,
			    g->len, payload);
		check_sender(g, from, rx->name);
		if (memcmp(g->data, tx_buf + i * payload, payload))
			die("%s: datagram %d has the wrong bytes", rx->name, i);
		if (memcmp(rx_buf[i] + (g->data == rx_buf[i] ? payload : 0),
			   untouched,
			   MAX_PAYLOAD - (g->data == rx_buf[i] ? payload : 0)))
			die("%s: wrote behind datagram %d", rx->name, i);
		if (rx->flags & TELLS_MORE && (!g->ns || !g->ifindex))
			die("%s: datagram %d without time or interface",
			    rx->name, i);
	}
}

/* Datagrams of one send. */
static unsigned int at_once(void)
{
	unsigned int n = gso ? MAX_UDP / payload : 1;

	return n < BURST ? n : BURST;
}

void burst_send(int fd)
{
	const unsigned int step = at_once();

	for (unsigned int i = 0; i < BURST; i += step) {
		size_t n = (i + step > BURST ? BURST - i : step) * payload;

		if (send(fd, tx_buf + i * payload, n, 0) != (ssize_t)n)
			die("send: %s", strerror(errno));
	}
}

static void burst(struct lane *lane)
{
	const struct receiver *rx = lane->rx;
	double t;

	burst_prepare();
	t = now();
	if (rx->post)
		rx->post(lane->rx_fd);
	lane->last.post = since(t) / BURST;
	t = now();
	burst_send(lane->tx_fd);
	lane->last.send = since(t) / BURST;
	t = now();
	if (rx->drain)
		rx->drain(lane->rx_fd);
	lane->last.drain = since(t) / BURST;
	lane->last.total = lane->last.post + lane->last.send + lane->last.drain;

	if (rx->drain)
		burst_check(rx, &lane->from);
}

int burst_socket(const struct receiver *rx, struct sockaddr_in *at)
{
	int fd = rx->make ? rx->make() : MUST(socket(AF_INET, SOCK_DGRAM, 0));

	receiver_bind(fd, at);
	return fd;
}

static void start(struct lane *lane, const struct receiver *rx)
{
	struct sockaddr_in at;

	*lane = (struct lane){ .rx = rx };
	lane->rx_fd = burst_socket(rx, &at);
	lane->tx_fd = sender_socket(&at, gso ? payload : 0, &lane->from);
	rx->open(lane->rx_fd);
	for (int i = 0; i < WARM; i++)
		burst(lane);
}

static void end(struct lane *lane)
{
	const struct receiver *rx = lane->rx;
	const uint64_t sent = (BURSTS + WARM) * BURST;

	if (rx->dropped && rx->dropped(lane->rx_fd) != sent)
		die("%s: dropped %llu of %llu", rx->name,
		    (unsigned long long)rx->dropped(lane->rx_fd),
		    (unsigned long long)sent);
	if (recv(lane->rx_fd, rx_buf, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
		die("%s: left datagrams behind", rx->name);
	if (rx->close)
		rx->close();
	close(lane->tx_fd);
	close(lane->rx_fd);
	settle();
}

static int by_total(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->total > y->total) - (x->total < y->total);
}

static struct sample measure(const struct receiver *rx)
{
	struct sample bursts[BURSTS];
	struct lane lane;

	start(&lane, rx);
	for (int i = 0; i < BURSTS; i++) {
		burst(&lane);
		bursts[i] = lane.last;
	}
	end(&lane);
	qsort(bursts, BURSTS, sizeof(bursts[0]), by_total);
	return bursts[BURSTS / 2];
}

/* The floor at an end of the series. */
static double floor_now(const struct receiver *rx)
{
	double totals[5];

	for (int i = 0; i < 5; i++)
		totals[i] = measure(rx).total;
	return median(totals, 5);
}

/* What the receiver itself calls: the sends are taken off. */
static struct counts count(const struct receiver *rx)
{
	struct lane lane;
	const unsigned int sends = (BURST + at_once() - 1) / at_once();
	struct counts all;

	start(&lane, rx);
	counters_open();
	settle();
	counters_read();
	for (int i = 0; i < BURSTS; i++)
		burst(&lane);
	all = counters_read();
	counters_close();
	end(&lane);

	all.syscalls = (all.syscalls / BURSTS - sends) / BURST;
	all.switches /= BURSTS * BURST;
	return all;
}

static void print_row(struct row *row, const char *load)
{
	struct sample *s = row->sample, *mid = &s[reps / 2];

	qsort(s, reps, sizeof(*s), by_total);
	printf("row\t%s\t%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.3f\t%.3f\n",
	       load, row->rx->name, row->rx->label,
	       row->rx->flags & TELLS_MORE ? 1 : 0, mid->post, mid->send,
	       mid->drain, mid->total, s[0].total, s[reps - 1].total,
	       row->counts.syscalls, row->counts.switches);
}

static bool parse(int argc, char **argv)
{
	if (argc < 3)
		return false;
	burst_load(atoi(argv[0]), !strcmp(argv[1], "gso"));
	reps = atoi(argv[2]);
	return payload && payload <= MAX_PAYLOAD && reps && reps <= MAX_REPS &&
	       (gso || !strcmp(argv[1], "single"));
}

int burst_main(int argc, char **argv)
{
	static struct row rows[MAX_ROWS];
	char load[32];
	double begin, end;
	int n = 0;

	if (!parse(argc, argv))
		die("burst: PAYLOAD single|gso REPETITIONS [RECEIVER...]");
	snprintf(load, sizeof(load), "%u %s", payload, argv[1]);
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const struct receiver *rx = lists[l]; rx->name; rx++)
			if (wanted(rx, argv + 3, argc - 3))
				rows[n++].rx = rx;

	progress("%s: warm-up", load);
	for (int i = 0; i < n; i++)
		rows[i].counts = count(rows[i].rx);
	begin = floor_now(rows[0].rx);
	for (unsigned int r = 0; r < reps; r++) {
		progress("%s: repetition %u of %u", load, r + 1, reps);
		for (int i = 0; i < n; i++)
			rows[i].sample[r] = measure(rows[i].rx);
	}
	end = floor_now(rows[0].rx);

	printf("floor\t%s\t%.1f\t%.1f\n", load, begin, end);
	for (int i = 0; i < n; i++)
		print_row(&rows[i], load);
	return 0;
}
