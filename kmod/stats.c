// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's counters add up to.
 *
 * The receive path counts what it does.  What became of a datagram in the socket's
 * queue is the stack's business: it was dropped (sk_drops), still waits, was taken
 * by us, or, and this is what remains, was read by recv(2).  Datagrams with a bad
 * checksum never reach the hook but count in sk_drops; they are in both dropped
 * and arrived.
 */
#include <linux/odgram.h>

#include "binding.h"
#include "compat.h"
#include "sockq.h"
#include "stats.h"

void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats)
{
	u64 passed, left_queue;

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
	stats->dropped = (u32)(odg_sk_drops(binding->sk) -
			       binding->drops_start - (u32)binding->filtered);
	passed = atomic64_read(&binding->passed);
	spin_unlock_bh(&binding->lock);

	left_queue = stats->from_queue + stats->dropped + stats->queued;
	stats->native = passed > left_queue ? passed - left_queue : 0;
	stats->arrived = stats->direct + stats->filtered + stats->discarded +
			 left_queue + stats->native;
}
