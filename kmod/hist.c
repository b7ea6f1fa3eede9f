// SPDX-License-Identifier: GPL-2.0-only
/*
 * The latency histogram of a socket, for those that asked for one.
 *
 * Lifetime: from switching it on to switching it off or to the end of the binding.
 * It is reached and written under binding->lock, so whoever takes the pointer away
 * there may free what it pointed to.
 */
#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "binding.h"
#include "hist.h"

/* Which bucket a latency belongs to. */
u32 odg_hist_bucket(u64 ns)
{
	u32 shift;

	if (ns < ODG_HIST_SUB)
		return ns;
	/* leaves the highest bit and those that number the sub-bucket */
	shift = __fls(ns) - ilog2(ODG_HIST_SUB);
	return min_t(u32, shift * ODG_HIST_SUB + (ns >> shift),
		     ODG_HIST_BUCKETS - 1);
}
EXPORT_SYMBOL_IF_KUNIT(odg_hist_bucket);

/**
 * odg_hist_add - count a datagram that was just completed; with its last part
 * @binding: has a histogram; its lock is held
 * @cqe: the completion
 * @direct: it did not wait in the socket's queue.  Of one that did, only the
 *	stack's stamp tells when it came.
 */
void odg_hist_add(struct odg_binding *binding, const struct odg_cqe *cqe,
		  bool direct)
{
	struct odg_hist *hist = binding->hist;
	s64 ns;

	if ((!direct && !(cqe->flags & ODG_CQE_RX_STACK)) ||
	    cqe->flags & ODG_CQE_PARTIAL)
		return;
	/* less than 0 when the clock was set back */
	ns = max_t(s64, ktime_get_real_ns() - cqe->rx_ns, 0);
	hist->count++;
	hist->sum += ns;
	if (ns > hist->max)
		hist->max = ns;
	hist->buckets[odg_hist_bucket(ns)]++;
}

/* Switch it off, or on and begin anew.  0 or -ENOMEM. */
int odg_hist_set(struct odg_binding *binding, bool on)
{
	struct odg_hist *hist = NULL;

	if (on) {
		hist = kzalloc(sizeof(*hist), GFP_KERNEL_ACCOUNT);
		if (!hist)
			return -ENOMEM;
	}
	spin_lock_bh(&binding->lock);
	swap(hist, binding->hist);
	spin_unlock_bh(&binding->lock);
	kfree(hist);
	return 0;
}
