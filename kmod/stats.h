/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_STATS_H
#define ODG_STATS_H

#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/types.h>

#include "binding.h"
#include "compat.h"
#include "fill.h"

struct net;
struct odg_sock_stats;

/*
 * scripts/bench also builds a module whose receive path does not count (with
 * -DODG_UNCOUNTED=1), to say what counting costs.
 */
#define ODG_COUNTS	(!__is_defined(ODG_UNCOUNTED))

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

/* Dropped by the stack, that is; a filter that works is no event. */
static __always_inline u32 odg_event_drops(struct odg_binding *binding)
{
	return odg_sk_drops(binding->sk) - (u32)READ_ONCE(binding->filtered);
}

/* Dropped since that was told? */
static __always_inline bool odg_event_is_due(struct odg_binding *binding)
{
	/* less while a filtered one is counted here and not yet there */
	return (s32)(odg_event_drops(binding) -
		     READ_ONCE(binding->events.drops)) > 0;
}

static __always_inline void odg_event_if_dropped(struct odg_binding *binding)
{
	if (unlikely(odg_event_is_due(binding)))
		odg_event_dropped(binding, odg_event_drops(binding));
}

/* A datagram, or what fits, is the program's.  binding->lock is held. */
static __always_inline void odg_count(struct odg_binding *binding,
				      const struct odg_arrival *a)
{
	lockdep_assert_held(&binding->lock);

	if (ODG_COUNTS) {
		binding->last_ns = a->rx_ns;
		binding->bytes += a->len;
	}
	if (unlikely(a->drops)) {
		binding->drops_told += a->drops;
		odg_event_if_dropped(binding);
	}
	if (unlikely(a->full > a->len) && !(a->flags & ODG_CQE_PARTIAL))
		binding->truncated++;
}

void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats);
void odg_totals_keep(struct odg_binding *binding);
void odg_totals_get(struct net *net, struct odg_totals *totals);

#endif /* ODG_STATS_H */
