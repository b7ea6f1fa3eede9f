// SPDX-License-Identifier: MIT
/*
 * Order at depth: numbered datagrams into a ring with many receives posted.  The
 * k-th datagram has to complete the k-th receive posted, and to lie in its buffer.
 *
 *   fifo DATAGRAMS DEPTH VIOLATIONS
 */
#include <odgram_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rx_odgram.h"

#define PAYLOAD	16
#define SLOT	32

static unsigned char (*slots)[SLOT];
static unsigned char tx[BURST * PAYLOAD];
static uint64_t violations;

static void send_burst(int fd, uint32_t first)
{
	for (int i = 0; i < BURST; i++)
		fill(tx + i * PAYLOAD, PAYLOAD, first + i);
	if (send(fd, tx, sizeof(tx), 0) != sizeof(tx))
		die("fifo: not sent");
}

/* first: number of the burst's first datagram, and of the receive it is due to */
static void take_burst(struct odg_port *port, struct odg_rq *rq, int region,
		       uint32_t first, unsigned int depth)
{
	const struct odg_cq *cq = odg_port_cq(port);
	uint32_t idx;

	if (odg_cq_peek(cq, &idx) != BURST)
		die("fifo: not the whole burst");
	for (int i = 0; i < BURST; i++) {
		uint64_t slot = odg_cq_read(cq, idx + i)->user_data;
		struct got g;

		take_cqe(odg_cq_read(cq, idx + i), slots[slot], &g);
		if (slot != (first + i) % depth || g.len != PAYLOAD ||
		    memcmp(g.data, tx + i * PAYLOAD, PAYLOAD))
			violations++;
		odg_rq_write(rq, region, slot * SLOT, SLOT, slot, 0);
	}
	odg_cq_release(cq, BURST);
	ODG_MUST(odg_rq_submit(rq));
}

int fifo_main(int argc, char **argv)
{
	const uint32_t count = argc == 2 ? atoi(argv[0]) : 0;
	const unsigned int depth = argc == 2 ? atoi(argv[1]) : 0;
	struct sockaddr_in at, from;
	struct odg_port *port;
	struct odg_rq rq;
	int rx_fd, tx_fd, region;

	if (!count || !depth)
		die("fifo: DATAGRAMS DEPTH");
	slots = calloc(depth, SLOT);
	if (!slots)
		die("no memory");
	rx_fd = receiver_socket(&at);
	tx_fd = sender_socket(&at, PAYLOAD, &from);
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	region = ODG_MUST(odg_region_register(port, slots, (size_t)depth * SLOT,
					      NULL));
	ODG_MUST(odg_rq_open(&rq, port, rx_fd, depth));
	for (unsigned int i = 0; i < depth; i++)
		odg_rq_write(&rq, region, (uint64_t)i * SLOT, SLOT, i, 0);
	ODG_MUST(odg_rq_submit(&rq));

	for (uint32_t i = 0; i < count; i += BURST) {
		if (i % (1 << 17) == 0)
			progress("order: datagram %u of %u", i, count);
		send_burst(tx_fd, i);
		take_burst(port, &rq, region, i, depth);
	}
	printf("fifo\t%u\t%u\t%llu\n", count, depth,
	       (unsigned long long)violations);
	odg_rq_close(&rq);
	odg_port_close(port);
	close(rx_fd);
	close(tx_fd);
	return 0;
}
