// SPDX-License-Identifier: MIT
/*
 * What one received datagram costs, each way of receiving beside the others.
 *
 * One sender on the same CPU sends BURST datagrams over loopback, so each has
 * passed the whole receive path when its send returns; then the receiver takes
 * them.  Three parts are timed: the receiver's posting before, the sends, the
 * receiver's taking.  Under qemu -icount shift=0 a nanosecond is an
 * instruction.  All receivers take turns in every repetition, and the floor
 * (odgram told to drop) stands at both ends of it.
 *
 * Prints "row NAME LABEL POST SEND DRAIN TOTAL MIN MAX" tab-separated, medians
 * over the repetitions, per datagram, and "floor BEGIN END".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MAX_REPS	64
#define MAX_RECEIVERS	32

struct sample {
	double post, send, drain, total;
};

struct row {
	const struct receiver *rx;
	struct sample sample[MAX_REPS];
};

unsigned char rx_buf[BURST][MAX_PAYLOAD] __attribute__((aligned(4096)));
struct got got[BURST];

static unsigned char tx_buf[BURST][MAX_PAYLOAD] __attribute__((aligned(4096)));
static unsigned int payload = 64, bursts = 16, reps = 9;
static double clock_cost;
static uint32_t serial;		/* numbers every datagram of the run */

void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

long must(long ret, const char *what)
{
	if (ret < 0)
		die("%s: %s", what, strerror(errno));
	return ret;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return 1e9 * ts.tv_sec + ts.tv_nsec;
}

/* What reading the clock adds to an interval; taken off every one. */
static void calibrate(void)
{
	double start, best = 1e9;

	for (int i = 0; i < 100; i++) {
		start = now();
		start = now() - start;
		if (start < best)
			best = start;
	}
	clock_cost = best;
}

/* A number and a pattern that depends on it: no two datagrams are alike. */
static void fill(unsigned char *buf, uint32_t nr)
{
	for (unsigned int i = 0; i < payload; i++)
		buf[i] = nr * 31 + i;
	memcpy(buf, &nr, payload < sizeof(nr) ? payload : sizeof(nr));
}

static void check(const struct receiver *rx, const struct sockaddr_in *from)
{
	for (int i = 0; i < BURST; i++) {
		if (got[i].len != payload)
			die("%s: datagram %d has %u bytes, not %u", rx->name, i,
			    got[i].len, payload);
		if (got[i].port != from->sin_port ||
		    got[i].addr != from->sin_addr.s_addr)
			die("%s: datagram %d has the wrong sender", rx->name, i);
		if (memcmp(rx_buf[i], tx_buf[i], payload))
			die("%s: datagram %d has the wrong bytes", rx->name, i);
		for (int k = payload; k < MAX_PAYLOAD; k++)
			if (rx_buf[i][k] != WANT_BUFFER)
				die("%s: wrote behind datagram %d", rx->name, i);
	}
}

static void burst(const struct receiver *rx, int rx_fd, int tx_fd,
		  const struct sockaddr_in *from, struct sample *sum)
{
	double t[4];

	for (int i = 0; i < BURST; i++)
		fill(tx_buf[i], serial++);
	memset(rx_buf, WANT_BUFFER, sizeof(rx_buf));
	memset(got, 0, sizeof(got));

	t[0] = now();
	if (rx->post)
		rx->post(rx_fd);
	t[1] = now();
	for (int i = 0; i < BURST; i++)
		if (send(tx_fd, tx_buf[i], payload, 0) != (ssize_t)payload)
			die("%s: send: %s", rx->name, strerror(errno));
	t[2] = now();
	if (rx->drain)
		rx->drain(rx_fd);
	t[3] = now();

	if (rx->drain)
		check(rx, from);
	sum->post += t[1] - t[0] - clock_cost;
	sum->send += t[2] - t[1] - clock_cost;
	sum->drain += t[3] - t[2] - clock_cost;
}

static struct sample measure(const struct receiver *rx)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, from;
	socklen_t len = sizeof(to);
	struct sample sum = { 0 }, warm = { 0 };
	int rx_fd, tx_fd, big = 4 << 20;
	unsigned int n = bursts * BURST;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rx_fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(setsockopt(rx_fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)));
	MUST(bind(rx_fd, (struct sockaddr *)&to, sizeof(to)));
	MUST(getsockname(rx_fd, (struct sockaddr *)&to, &len));
	tx_fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(connect(tx_fd, (struct sockaddr *)&to, sizeof(to)));
	MUST(getsockname(tx_fd, (struct sockaddr *)&from, &len));

	rx->open(rx_fd);
	for (int i = 0; i < 2; i++)
		burst(rx, rx_fd, tx_fd, &from, &warm);
	for (unsigned int i = 0; i < bursts; i++)
		burst(rx, rx_fd, tx_fd, &from, &sum);
	if (rx->dropped && rx->dropped(rx_fd) != n + 2 * BURST)
		die("%s: dropped %llu of %u", rx->name,
		    (unsigned long long)rx->dropped(rx_fd), n + 2 * BURST);
	if (recv(rx_fd, rx_buf, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
		die("%s: left datagrams behind", rx->name);
	if (rx->close)
		rx->close();
	close(tx_fd);
	close(rx_fd);

	sum.post /= n;
	sum.send /= n;
	sum.drain /= n;
	sum.total = sum.post + sum.send + sum.drain;
	return sum;
}

static int by_total(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->total > y->total) - (x->total < y->total);
}

static void print_row(struct row *row)
{
	struct sample *s = row->sample, *median = &s[reps / 2];

	qsort(s, reps, sizeof(*s), by_total);
	printf("row\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n",
	       row->rx->name, row->rx->label, median->post, median->send,
	       median->drain, median->total, s[0].total, s[reps - 1].total);
}

static void usage(FILE *out)
{
	fputs("usage: bench [--payload BYTES] [--bursts N] [--reps N] [--no-module]\n"
	      "Run it through scripts/bench; alone it needs root, and counts time.\n",
	      out);
}

static unsigned int number(unsigned int min, unsigned int max)
{
	unsigned long n = strtoul(optarg, NULL, 0);

	if (n < min || n > max)
		die("%s: %u to %u wanted", optarg, min, max);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "payload", required_argument, NULL, 'p' },
		{ "bursts", required_argument, NULL, 'b' },
		{ "reps", required_argument, NULL, 'r' },
		{ "no-module", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	static struct row rows[MAX_RECEIVERS];
	const struct receiver *lists[] = { odgram_receivers, native_receivers };
	double begin = 0, end = 0;
	int module = 1, count = 0, opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			payload = number(1, MAX_PAYLOAD);
			break;
		case 'b':
			bursts = number(1, 100000);
			break;
		case 'r':
			reps = number(1, MAX_REPS);
			break;
		case 'n':
			module = 0;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}

	for (int l = 0; l < 2; l++)
		for (const struct receiver *rx = lists[l]; rx->name; rx++)
			if (module || !rx->needs_module)
				rows[count++].rx = rx;

	calibrate();
	for (int i = 0; i < count; i++)		/* everything warm once */
		measure(rows[i].rx);
	/* The first receiver is the floor: it opens and closes the series. */
	begin = measure(rows[0].rx).total;
	for (unsigned int r = 0; r < reps; r++) {
		fprintf(stderr, "progress %u %u\n", r + 1, reps);
		for (int i = 0; i < count; i++)
			rows[i].sample[r] = measure(rows[i].rx);
	}
	end = measure(rows[0].rx).total;

	printf("floor\t%.1f\t%.1f\n", begin, end);
	for (int i = 0; i < count; i++)
		print_row(&rows[i]);
	return 0;
}
