// SPDX-License-Identifier: MIT
/*
 * Many sockets, a datagram each a round, and one queue to learn of all of them.
 *
 *   sockets NAME COUNT POST SEND DRAIN TOTAL
 *
 * per datagram.  Their receivers are in many.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "many.h"

static unsigned char tx[MANY_PAYLOAD];
static struct sockaddr_in at[MANY_MAX];
static uint32_t serial;

int many_fds[MANY_MAX];
struct got many_got[MANY_MAX];

static void send_all(const struct many *m, int fd, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint32_t nr = serial + i;

		memcpy(tx, &nr, sizeof(nr));
		if (sendto(fd, tx, sizeof(tx), 0, (struct sockaddr *)&at[i],
			   sizeof(at[i])) != sizeof(tx))
			die("%s: not sent", m->name);
	}
}

static void check(const struct many *m, const struct sockaddr_in *from,
		  unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct got *g = &many_got[i];
		uint32_t nr = serial + i;

		if (g->len != sizeof(tx) || memcmp(g->data, &nr, sizeof(nr)) ||
		    memcmp((const char *)g->data + sizeof(nr), tx + sizeof(nr),
			   sizeof(tx) - sizeof(nr)))
			die("%s: socket %u got something else", m->name, i);
		check_sender(g, from, m->name);
	}
}

static void round_of(const struct many *m, int tx_fd,
		     const struct sockaddr_in *from, unsigned int count,
		     double cost[3])
{
	double t;

	memset(many_got, 0, count * sizeof(many_got[0]));
	t = now();
	if (m->post)
		m->post(count);
	cost[0] += since(t);
	t = now();
	send_all(m, tx_fd, count);
	cost[1] += since(t);
	t = now();
	if (m->drain)
		m->drain(count);
	cost[2] += since(t);
	if (m->drain)
		check(m, from, count);
	serial += count;
}

static void measure(const struct many *m, unsigned int count)
{
	const unsigned int rounds = 2 + 2048 / count;
	double cost[3] = { 0 }, n = (double)rounds * count;
	struct sockaddr_in from;
	int tx_fd;

	progress("%s: %u sockets", m->name, count);
	for (unsigned int i = 0; i < count; i++)
		many_fds[i] = receiver_socket(&at[i]);
	tx_fd = sender_socket(NULL, 0, &from);
	m->open(count);
	round_of(m, tx_fd, &from, count, cost);
	memset(cost, 0, sizeof(cost));
	for (unsigned int i = 0; i < rounds; i++)
		round_of(m, tx_fd, &from, count, cost);
	m->close(count);
	close(tx_fd);
	for (unsigned int i = 0; i < count; i++)
		close(many_fds[i]);
	settle();
	printf("sockets\t%s\t%u\t%.1f\t%.1f\t%.1f\t%.1f\n", m->name, count,
	       cost[0] / n, cost[1] / n, cost[2] / n,
	       (cost[0] + cost[1] + cost[2]) / n);
}

int sockets_main(int argc, char **argv)
{
	static const unsigned int counts[] = { 1, 16, 1000, MANY_MAX };

	(void)argc;
	(void)argv;
	need_files(3 * MANY_MAX);
	fill(tx, sizeof(tx), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		for (const struct many *m = many_receivers; m->name; m++)
			measure(m, counts[i]);
	return 0;
}
