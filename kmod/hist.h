/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The latency histogram of a socket, and the clock it goes by.
 *
 * A datagram that the stack has stamped is as old as the stamp says, by the clock that
 * made it.  Of one without a stamp we see arrival and completion ourselves, on one
 * CPU and not far apart: that CPU's cycle counter tells the time between them, and is
 * read with a few instructions.
 */
#ifndef ODG_HIST_H
#define ODG_HIST_H

#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/odgram.h>
#include <linux/odgram_netlink.h>
#include <linux/percpu.h>
#include <linux/timex.h>
#include <linux/types.h>
#include <asm/barrier.h>

#include "binding.h"

/**
 * struct odg_hist - latencies of one socket; all under binding->lock
 * @sum: all of them together, ns
 * @max: the largest, ns
 * @buckets: how many were how long; the uapi header says which is which
 */
struct odg_hist {
	u64 sum;
	u64 max;
	u64 buckets[ODG_HIST_BUCKETS];
};

static __always_inline u64 odg_cycles(void)
{
	/* what comes before it has happened, as far as this CPU can tell */
	rmb();
	return get_cycles();
}

/* Which bucket a latency belongs to. */
static inline u32 odg_hist_bucket(u64 ns)
{
	/* leaves the highest bit and those that number the sub-bucket */
	u32 shift = fls64(ns | ODG_HIST_SUB) - 1 - ilog2(ODG_HIST_SUB);

	return min_t(u32, shift * ODG_HIST_SUB + (ns >> shift),
		     ODG_HIST_BUCKETS - 1);
}

/*
 * odg_cycles() when the datagram that is in the hook on this CPU reached it.  The hook
 * says so if ODG_BIND_TIMED is set, and who finds a histogram in the hook finds it said:
 * odg_hist_set().
 */
DECLARE_PER_CPU(u64, odg_hook_cycles);

int odg_hist_set(struct odg_binding *binding, bool on);
void odg_hist_add(struct odg_binding *binding, ktime_t stamp);
void odg_hist_add_cqe(struct odg_binding *binding, const struct odg_cqe *cqe,
		      bool direct);
u64 odg_hist_count(const struct odg_hist *hist);

#endif /* ODG_HIST_H */
