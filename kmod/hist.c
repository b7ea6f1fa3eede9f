// SPDX-License-Identifier: GPL-2.0-only
/*
 * The latency histogram of a socket, for those that asked for one.
 *
 * Lifetime: from switching it on to switching it off or to the end of the binding.
 * It is reached and written under binding->lock, so whoever takes the pointer away
 * there may free what it pointed to.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "hist.h"

u32 odg_cycle_mult;
DEFINE_PER_CPU(u64, odg_hook_cycles);
static DEFINE_MUTEX(odg_cycle_lock);	/* one measures */

static void odg_look_at_clocks(u64 *cycles, u64 *ns)
{
	unsigned long flags;

	local_irq_save(flags);
	*cycles = odg_cycles();
	*ns = ktime_get_raw_ns();
	local_irq_restore(flags);
}

/*
 * How long a cycle of the counter is.  A millisecond tells it far more exactly than a
 * bucket is wide.  Once: the counter of a CPU that is worth it keeps its rate.
 */
static void odg_measure_cycle(void)
{
	u64 cycles, cycles_before, ns, ns_before;

	mutex_lock(&odg_cycle_lock);
	if (odg_cycle_mult)
		goto out;
	preempt_disable();
	odg_look_at_clocks(&cycles_before, &ns_before);
	mdelay(1);
	odg_look_at_clocks(&cycles, &ns);
	preempt_enable();
	if (cycles != cycles_before)
		WRITE_ONCE(odg_cycle_mult,
			   div64_u64((ns - ns_before) << ODG_CYCLE_SHIFT,
				     cycles - cycles_before));
out:
	mutex_unlock(&odg_cycle_lock);
}

/**
 * odg_hist_add_cqe - count a datagram that may have waited, or come in parts
 * @binding: it has a histogram; its lock is held
 * @cqe: the completion; the last part counts
 * @direct: it is in the hook.  Of one that waited in the socket's queue, only the
 *	stack's stamp tells when it came.
 */
void odg_hist_add_cqe(struct odg_binding *binding, const struct odg_cqe *cqe,
		      bool direct)
{
	ktime_t stamp = cqe->flags & ODG_CQE_RX_STACK ? cqe->rx_ns : 0;

	if ((stamp || direct) && !(cqe->flags & ODG_CQE_PARTIAL))
		odg_hist_add(binding->hist, stamp);
}

/* How many were counted. */
u64 odg_hist_count(const struct odg_hist *hist)
{
	u64 count = 0;
	int i;

	for (i = 0; i < ODG_HIST_BUCKETS; i++)
		count += hist->buckets[i];
	return count;
}

static struct odg_hist *odg_hist_swap(struct odg_binding *binding,
				      struct odg_hist *hist, bool timed)
{
	spin_lock_bh(&binding->lock);
	odg_binding_set_own(binding, ODG_BIND_TIMED, timed);
	odg_binding_set_own(binding, ODG_BIND_HIST, hist);
	swap(hist, binding->hist);
	spin_unlock_bh(&binding->lock);
	return hist;
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
	mutex_lock(&binding->hist_lock);
	if (on) {
		odg_measure_cycle();
		kfree(odg_hist_swap(binding, NULL, true));
		/*
		 * Who came into the hook before and does not time is out.  Only the
		 * caller waits: anybody may ask for it, as often as he likes.
		 */
		synchronize_rcu();
	}
	kfree(odg_hist_swap(binding, hist, on));
	mutex_unlock(&binding->hist_lock);
	return 0;
}
