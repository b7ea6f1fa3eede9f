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
#include <linux/timekeeping.h>
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

/*
 * ns of a cycle, times 2^24; 0 before the first histogram, and where CPUs do not count
 * cycles.  2^40 cycles are as long as it goes: minutes.
 */
#define ODG_CYCLE_SHIFT	24
extern u32 odg_cycle_mult;

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

/**
 * odg_hist_add - count a datagram that was just completed
 * @hist: the histogram; binding->lock is held
 * @stamp: the stack's, or 0, and then it is in the hook on this CPU
 */
static __always_inline void odg_hist_add(struct odg_hist *hist, ktime_t stamp)
{
	u64 ns, mult;

	if (unlikely(stamp)) {
		/* less than 0 when the clock was set back */
		ns = max_t(s64, ktime_get_real_ns() - ktime_to_ns(stamp), 0);
	} else {
		ns = odg_cycles() - this_cpu_read(odg_hook_cycles);
		mult = READ_ONCE(odg_cycle_mult);
		if (unlikely(!mult))
			return;
		ns = ns * mult >> ODG_CYCLE_SHIFT;
	}
	hist->sum += ns;
	if (ns > hist->max)
		hist->max = ns;
	hist->buckets[odg_hist_bucket(ns)]++;
}

int odg_hist_set(struct odg_binding *binding, bool on);
void odg_hist_add_cqe(struct odg_binding *binding, const struct odg_cqe *cqe,
		      bool direct);
u64 odg_hist_count(const struct odg_hist *hist);

#endif /* ODG_HIST_H */
