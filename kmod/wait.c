// SPDX-License-Identifier: GPL-2.0-only
/*
 * ODG_WAIT: until completions are there, spin for a while, then sleep.
 *
 * Falling asleep and being woken take longer than many a completion is away.  Who
 * says so spins first: the queue is looked at without its lock, and where the
 * datagrams come by a device that can be asked for them, that is done, so that they
 * are here before its interrupt.  A spin hands over to the sleep when its time is
 * up, when a signal comes, and when somebody else wants the CPU.
 *
 * Which device: the one by which the last datagram came to the socket that the port
 * was last posted to.  The port holds that socket's binding (port->source), which may
 * be dead; what it knows is looked at under its lock.
 *
 * A spinning waiter is known to nobody and costs no wake-up; it looks again, under
 * port->lock, when it has queued itself.
 */
#include <kunit/visibility.h>
#include <linux/hrtimer.h>
#include <linux/odgram.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>
#include <net/busy_poll.h>

#include "binding.h"
#include "port.h"
#include "wait.h"

/* The caller has a reference to @binding, and a receive for it. */
void odg_wait_set_source(struct odg_port *port, struct odg_binding *binding)
{
	struct odg_binding *old;

	/* nearly always the same; while it is there, its address is nobody else's */
	if (likely(rcu_access_pointer(port->source) == binding))
		return;
	refcount_inc(&binding->ref);
	old = unrcu_pointer(xchg(&port->source, RCU_INITIALIZER(binding)));
	if (old)
		odg_binding_put(old);
}

/* The port is going: nobody waits any more. */
void odg_wait_forget_source(struct odg_port *port)
{
	struct odg_binding *source = rcu_access_pointer(port->source);

	if (source)
		odg_binding_put(source);
}

/**
 * struct odg_spin - a spin
 * @port: whose queue it looks at
 * @min: how many completions it waits for
 * @until: when it ends, CLOCK_MONOTONIC
 * @switches: how often somebody else had taken the CPU when it began
 */
struct odg_spin {
	const struct odg_port *port;
	u32 min;
	u64 until;
	unsigned long switches;
};

/* The program can make it believe anything, and only it spins longer for that. */
static u32 odg_spin_unread(const struct odg_port *port)
{
	const struct odg_ring_shared *shared;
	u32 unread;

	/* the memory that ODG_CQ_SWITCH replaces goes after a grace period */
	rcu_read_lock();
	shared = READ_ONCE(port->ring.shared);
	unread = READ_ONCE(shared->prod) - READ_ONCE(shared->cons);
	rcu_read_unlock();
	return unread;
}

static bool odg_spin_is_over(void *arg, unsigned long start)
{
	const struct odg_spin *spin = arg;

	return odg_spin_unread(spin->port) >= spin->min ||
	       ktime_get_ns() >= spin->until ||
	       need_resched() || current->nivcsw != spin->switches ||
	       signal_pending(current);
}

#ifdef CONFIG_NET_RX_BUSY_POLL
/* The device's queue to poll, or no valid number. */
static unsigned int odg_spin_napi_id(struct odg_port *port)
{
	struct odg_binding *source;
	unsigned int id = 0;

	rcu_read_lock();
	source = rcu_dereference(port->source);
	if (source) {
		spin_lock_bh(&source->lock);
		if (!source->dead)
			id = READ_ONCE(source->sk->sk_napi_id);
		spin_unlock_bh(&source->lock);
	}
	rcu_read_unlock();
	return id;
}

/* Returns at once where there is none, or it is gone. */
static void odg_spin_on_device(struct odg_port *port, struct odg_spin *spin)
{
	unsigned int id = odg_spin_napi_id(port);

	if (id >= MIN_NAPI_ID)
		napi_busy_loop(id, odg_spin_is_over, spin, false,
			       BUSY_POLL_BUDGET);
}
#else
static void odg_spin_on_device(struct odg_port *port, struct odg_spin *spin) {}
#endif

static void odg_spin(struct odg_port *port, const struct odg_wait *arg)
{
	struct odg_spin spin = {
		.port = port,
		.min = arg->min,
		.until = min_t(u64, arg->timeout_ns, ktime_get_ns() +
			       (u64)arg->spin_us * NSEC_PER_USEC),
		.switches = current->nivcsw,
	};

	odg_spin_on_device(port, &spin);
	while (!odg_spin_is_over(&spin, 0))
		cpu_relax();
}

static int odg_sleep(struct odg_port *port, const struct odg_wait *arg)
{
	bool forever = arg->timeout_ns == ODG_WAIT_FOREVER;
	ktime_t until = ns_to_ktime(min_t(u64, arg->timeout_ns, KTIME_MAX));
	bool expired = !arg->timeout_ns;
	DEFINE_WAIT(wait);
	u32 unread;
	int ret = 0;

	for (;;) {
		prepare_to_wait(&port->wait, &wait, TASK_INTERRUPTIBLE);
		unread = odg_port_unread(port);
		if (unread >= min(arg->min, odg_ring_entries(&port->ring)))
			break;
		if (expired) {
			ret = -ETIME;
			break;
		}
		if (signal_pending(current)) {
			/* restarting is safe: the timeout is absolute */
			ret = -ERESTARTSYS;
			break;
		}
		expired = !schedule_hrtimeout_range(forever ? NULL : &until,
						    current->timer_slack_ns,
						    HRTIMER_MODE_ABS);
	}
	finish_wait(&port->wait, &wait);
	return unread ? unread : ret;
}

int odg_wait(struct odg_port *port, const struct odg_wait *arg)
{
	if (arg->spin_us > ODG_MAX_SPIN_US || arg->__reserved)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;
	if (arg->min > odg_ring_entries(&port->ring))
		return -EINVAL;

	if (arg->spin_us)
		odg_spin(port, arg);
	return odg_sleep(port, arg);
}
EXPORT_SYMBOL_IF_KUNIT(odg_wait);
