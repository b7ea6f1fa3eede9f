/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_STATS_H
#define ODG_STATS_H

#include <linux/types.h>

struct net;
struct odg_binding;
struct odg_sock_stats;

/**
 * struct odg_totals - sums over sockets, as struct odg_sock_stats has them
 * @ports: ports open now
 * @socks: sockets bound now
 * @depth: receives that stand in their FIFOs
 * @aborted: receives that ended without a datagram
 * @arrived: this and what follows: of datagrams that came
 * @send_depth: sends that wait
 * @sent: this and what follows: of sends
 */
struct odg_totals {
	u32 ports;
	u32 socks;
	u64 depth;
	u64 aborted;
	u64 arrived;
	u64 direct;
	u64 from_queue;
	u64 filtered;
	u64 discarded;
	u64 dropped;
	u64 queued;
	u64 native;
	u64 truncated;
	u64 pieces;
	u64 icmp;
	u64 bytes;
	u64 send_depth;
	u64 sent;
	u64 sent_bytes;
	u64 send_failed;
	u64 send_pended;
};

void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats);
void odg_totals_keep(struct odg_binding *binding);
void odg_totals_get(struct net *net, struct odg_totals *totals);

#endif /* ODG_STATS_H */
