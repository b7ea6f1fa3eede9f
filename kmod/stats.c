// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's counters add up to, and those of a namespace.
 *
 * The receive path counts what it does, and each datagram that enters the socket's
 * queue (sk_data_ready).  What became of those is the stack's business: one still
 * waits, was taken by us, or, and this is what remains, was read by recv(2).  What
 * did not enter it was dropped: SO_RCVBUF, filter or checksum (sk_drops).
 *
 * The sums of a namespace are those of its bindings and what a binding leaves
 * behind when it goes (odg_net.gone, under its own lock, which is innermost).
 */
#include <linux/odgram.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "binding.h"
#include "compat.h"
#include "registry.h"
#include "sockq.h"
#include "stats.h"

/* binding->lock is held, and the binding is not dead or just about to be. */
void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats)
{
	u64 not_read, entered;

	lockdep_assert_held(&binding->lock);

	stats->depth = binding->depth;
	stats->queued = odg_sockq_len(binding->sk);
	stats->direct = binding->direct;
	stats->from_queue = binding->from_queue;
	stats->filtered = binding->filtered;
	stats->discarded = binding->discarded;
	stats->truncated = binding->truncated;
	stats->pieces = binding->pieces;
	stats->icmp = binding->icmp;
	stats->bytes = binding->bytes;
	stats->send_depth = binding->send_depth;
	stats->sent = atomic64_read(&binding->sent);
	stats->sent_bytes = atomic64_read(&binding->sent_bytes);
	stats->send_failed = atomic64_read(&binding->send_failed);
	stats->send_pended = atomic64_read(&binding->send_pended);
	stats->dropped = (u32)(odg_sk_drops(binding->sk) -
			       binding->drops_start - (u32)binding->filtered);
	not_read = stats->from_queue + stats->queued;
	entered = atomic64_read(&binding->queued);
	/* less only while one is between the queue and sk_data_ready */
	stats->native = entered > not_read ? entered - not_read : 0;

	stats->arrived = stats->direct + stats->filtered + stats->discarded +
			 stats->dropped + not_read + stats->native;
}

/* binding->lock is held. */
static void odg_totals_add(struct odg_totals *totals,
			   struct odg_binding *binding)
{
	struct odg_sock_stats stats = {};

	odg_sock_get_stats(binding, &stats);
	totals->depth += stats.depth;
	totals->aborted += binding->aborted;
	totals->arrived += stats.arrived;
	totals->direct += stats.direct;
	totals->from_queue += stats.from_queue;
	totals->filtered += stats.filtered;
	totals->discarded += stats.discarded;
	totals->dropped += stats.dropped;
	totals->queued += stats.queued;
	totals->native += stats.native;
	totals->truncated += stats.truncated;
	totals->pieces += stats.pieces;
	totals->icmp += stats.icmp;
	totals->bytes += stats.bytes;
	totals->send_depth += stats.send_depth;
	totals->sent += stats.sent;
	totals->sent_bytes += stats.sent_bytes;
	totals->send_failed += stats.send_failed;
	totals->send_pended += stats.send_pended;
}

/* The binding goes, nothing counts in it any more: keep its sums. */
void odg_totals_keep(struct odg_binding *binding)
{
	struct odg_net *on = odg_net(sock_net(binding->sk));

	lockdep_assert_held(&binding->lock);

	spin_lock(&on->gone_lock);
	odg_totals_add(&on->gone, binding);
	spin_unlock(&on->gone_lock);
}

/* Exact when nothing comes or goes meanwhile.  May sleep. */
void odg_totals_get(struct net *net, struct odg_totals *totals)
{
	struct odg_net *on = odg_net(net);
	struct odg_binding *binding;
	const struct odg_port *port;
	unsigned long from = 0;

	spin_lock_bh(&on->gone_lock);
	*totals = on->gone;
	spin_unlock_bh(&on->gone_lock);

	while ((binding = odg_registry_next_binding(net, &from))) {
		spin_lock_bh(&binding->lock);
		if (!binding->dead) {
			odg_totals_add(totals, binding);
			totals->socks++;
		}
		spin_unlock_bh(&binding->lock);
		odg_binding_put(binding);
		cond_resched();
	}

	from = 0;
	do {
		rcu_read_lock();
		port = odg_registry_next_port(net, &from);
		rcu_read_unlock();
		totals->ports += !!port;
		cond_resched();
	} while (port);
}
