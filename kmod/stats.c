// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's counters add up to.
 *
 * The receive path counts what it does, and each datagram that enters the socket's
 * queue (sk_data_ready).  What became of those is the stack's business: one still
 * waits, was taken by us, or, and this is what remains, was read by recv(2).  What
 * did not enter it was dropped: SO_RCVBUF, filter or checksum (sk_drops).
 */
#include <linux/odgram.h>

#include "binding.h"
#include "sockq.h"
#include "stats.h"

void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats)
{
	u64 not_read;

	spin_lock_bh(&binding->lock);
	stats->depth = binding->depth;
	stats->queued = odg_sockq_len(binding->sk);
	stats->direct = binding->direct;
	stats->from_queue = binding->from_queue;
	stats->filtered = binding->filtered;
	stats->discarded = binding->discarded;
	stats->truncated = binding->truncated;
	stats->icmp = binding->icmp;
	stats->bytes = binding->bytes;
	stats->send_depth = binding->send_depth;
	stats->dropped = (u32)(atomic_read(&binding->sk->sk_drops) -
			       binding->drops_start - (u32)binding->filtered);
	not_read = stats->from_queue + stats->queued;
	/* less only while one is between the queue and sk_data_ready */
	stats->native = binding->queued > not_read ?
			binding->queued - not_read : 0;
	spin_unlock_bh(&binding->lock);

	stats->arrived = stats->direct + stats->filtered + stats->discarded +
			 stats->dropped + not_read + stats->native;
}
