/* SPDX-License-Identifier: MIT */
#ifndef ODG_BENCH_RX_ODGRAM_H
#define ODG_BENCH_RX_ODGRAM_H

#include <odgram.h>

#include "bench.h"

/* All that a completion tells of a datagram. */
static inline void take_cqe(const struct odg_cqe *cqe, const void *data,
			    struct got *g)
{
	if (cqe->status || !(cqe->flags & ODG_CQE_ADDR))
		die("odgram: status %d, flags %#x", cqe->status, cqe->flags);
	*g = (struct got){
		.data = data,
		.len = cqe->len,
		.addr = cqe->v4.addr,
		.port = cqe->port,
		.ifindex = cqe->ifindex,
		.ns = cqe->rx_ns,
	};
}

/* A burst out of a queue; rx_post.c */
void queue_drain(struct odg_port *port);

#endif
