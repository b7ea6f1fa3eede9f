// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port: one open file, one completion queue.
 *
 * Lifetime: that of the open file.  Posted ops point to their port, so the
 * release goes in phases:
 *
 *   1. the door is closed: no call can be running, the file is gone, and the
 *      registry does not show it any more
 *   2. every posted op is taken out of its FIFO, every request queue out of its
 *      binding (under the binding's lock)
 *   3. synchronize_rcu(): whoever took an op or an entry before us has finished
 *      with the port (completions run with bottom halves off)
 *   4. the works are cancelled and the last ops are reaped
 *   5. the memory is freed, after a grace period
 *
 * Holders of a port: the file (1), posted ops and request queues (2), running
 * completions (3), the works (4), walks of the registry (3, or 5 if it never
 * had a queue).
 *
 * Locks: port->lock covers the ring, the free ops and the counters; it nests
 * inside binding->lock and has nothing inside.  As long as all that completes is
 * the ring of one socket, and nobody is to be told, that binding (port->sole) does
 * without it in hook.c, and who has no binding's lock takes both (odg_port_lock_ring());
 * the first that does more ends that (odg_port_share()).  port->reap_lock lets one
 * reaper at a time give ops back; it is outside port->lock.
 */
#include <kunit/visibility.h>
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/nsproxy.h>
#include <linux/odgram.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "binding.h"
#include "cancel.h"
#include "cq.h"
#include "event.h"
#include "main.h"
#include "notify.h"
#include "optable.h"
#include "port.h"
#include "region.h"
#include "registry.h"
#include "rq.h"
#include "trace.h"
#include "wait.h"
#include "watch.h"

/* A program that makes no calls gets the ops of a reaper back this late. */
#define ODG_REAP_DELAY (HZ / 10)

static void odg_port_reap_work(struct work_struct *work)
{
	odg_op_reap(container_of(to_delayed_work(work), struct odg_port,
				 reap_work));
}

static void odg_port_free_rcu(struct rcu_head *rcu)
{
	struct odg_port *port = container_of(rcu, struct odg_port, rcu);

	if (port->user)
		free_uid(port->user);
	put_pid(port->owner);
	put_net(port->net);
	kfree(port);
}

struct odg_port *odg_port_create(void)
{
	struct odg_port *port = kzalloc(sizeof(*port), GFP_KERNEL_ACCOUNT);

	if (!port)
		return NULL;

	if (!capable(CAP_IPC_LOCK))
		port->user = get_uid(current_user());
	port->net = get_net(current->nsproxy->net_ns);
	port->owner = get_pid(task_tgid(current));
	port->uid = current_uid();
	mutex_init(&port->create_lock);
	mutex_init(&port->reap_lock);
	spin_lock_init(&port->lock);
	init_waitqueue_head(&port->wait);
	init_llist_head(&port->done);
	init_llist_head(&port->dead_rqs);
	xa_init_flags(&port->rqs, XA_FLAGS_ALLOC);
	xa_init_flags(&port->ops, XA_FLAGS_ACCOUNT);
	INIT_DELAYED_WORK(&port->reap_work, odg_port_reap_work);
	odg_notify_init(port);
	odg_regions_init(port);
	if (odg_registry_add_port(port)) {
		odg_port_free_rcu(&port->rcu);
		return NULL;
	}
	return port;
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_create);

/*
 * For who holds no binding's lock: exclude everybody else from the ring, with bottom
 * halves off.  Return: whose lock is held besides port->lock, or NULL.
 */
struct odg_binding *odg_port_lock_ring(struct odg_port *port)
	__acquires(&port->lock)
{
	struct odg_binding *sole;

	local_bh_disable();
	for (;;) {
		sole = rcu_dereference_bh(port->sole);
		if (sole)
			spin_lock(&sole->lock);
		else
			__acquire(&sole->lock);
		spin_lock(&port->lock);
		if (likely(rcu_access_pointer(port->sole) == sole)) {
			/* for sparse, port->lock stands for both */
			__release(&sole->lock);
			return sole;
		}
		spin_unlock(&port->lock);
		if (sole)
			spin_unlock(&sole->lock);
		else
			__release(&sole->lock);
	}
}

void odg_port_unlock_ring(struct odg_port *port, struct odg_binding *sole)
	__releases(&port->lock)
{
	spin_unlock(&port->lock);
	__acquire(&sole->lock);
	if (sole)
		spin_unlock(&sole->lock);
	else
		__release(&sole->lock);
	local_bh_enable();
}

/* Both locks are held, and it is. */
static void odg_port_forget_sole(struct odg_port *port,
				 struct odg_binding *binding)
{
	RCU_INIT_POINTER(port->sole, NULL);
	odg_binding_set_own(binding, ODG_BIND_SHARED, true);
}

void __odg_port_share(struct odg_port *port)
{
	struct odg_binding *sole = odg_port_lock_ring(port);

	if (sole)
		odg_port_forget_sole(port, sole);
	/* pairs with the acquire in odg_port_share() */
	smp_store_release(&port->shared, true);
	odg_port_unlock_ring(port, sole);
}

/* The first ring of the port is this binding's, whose lock is held. */
void odg_port_set_sole(struct odg_port *port, struct odg_binding *binding)
{
	spin_lock(&port->lock);
	odg_binding_set_own(binding, ODG_BIND_SHARED, port->shared);
	if (!port->shared)
		rcu_assign_pointer(port->sole, binding);
	spin_unlock(&port->lock);
}

/* Its ring is one of the port no more.  The binding's lock is held. */
void odg_port_unset_sole(struct odg_port *port, struct odg_binding *binding)
{
	spin_lock(&port->lock);
	if (rcu_access_pointer(port->sole) == binding)
		odg_port_forget_sole(port, binding);
	spin_unlock(&port->lock);
}

/* Who has receives outstanding may not have meant to end. */
static void odg_port_tell_end(struct odg_port *port)
{
	u32 outstanding;

	spin_lock_bh(&port->lock);
	outstanding = port->outstanding;
	spin_unlock_bh(&port->lock);
	if (outstanding)
		odg_event_port_died(port, outstanding);
}

void odg_port_release(struct odg_port *port)
{
	odg_registry_del_port(port);
	if (port->ready) {
		odg_port_tell_end(port);
		odg_watch_close(port->watch);
		odg_drop_all(port);
		odg_rq_port_gone(port);
		odg_wait_forget_source(port);
		odg_notify_close(port);
		cancel_delayed_work_sync(&port->reap_work);
		odg_op_reap(port);
		odg_pincache_destroy(&port->pins);
		odg_region_del_all(port);
		odg_cq_free(port);
		odg_port_free_ops(port);
	}
	/* odg_exit() waits for this callback to return */
	call_rcu(&port->rcu, odg_port_free_rcu);
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_release);

bool odg_port_ready(struct odg_port *port)
{
	/* pairs with the release in odg_cq_create_first() */
	return smp_load_acquire(&port->ready);
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_ready);

/*
 * Room for the completion of a receive in a ring, which counts as posted with it.
 * Bottom halves are off.
 */
bool odg_port_reserve(struct odg_port *port)
{
	bool reserved;

	spin_lock(&port->lock);
	reserved = odg_ring_reserve(&port->ring);
	port->outstanding += reserved;
	spin_unlock(&port->lock);
	return reserved;
}

void odg_port_unreserve(struct odg_port *port)
{
	spin_lock(&port->lock);
	odg_ring_unreserve(&port->ring);
	port->outstanding--;
	spin_unlock(&port->lock);
}

/*
 * An op was accepted; called before its completion can come.  Bottom halves are
 * off.
 */
void odg_port_posted(struct odg_port *port, const struct odg_op *op)
{
	spin_lock(&port->lock);
	port->outstanding++;
	port->pinned += op->pages;
	spin_unlock(&port->lock);
}

/* The op that just completed did so by a cancel, or by the end of its socket. */
void odg_port_cancelled(struct odg_port *port)
{
	spin_lock_bh(&port->lock);
	port->cancelled++;
	spin_unlock_bh(&port->lock);
}

void odg_port_aborted(struct odg_port *port)
{
	spin_lock_bh(&port->lock);
	port->aborted++;
	spin_unlock_bh(&port->lock);
}

/* An entry of a request queue was wrong. */
void odg_port_bad_entry(struct odg_port *port)
{
	spin_lock_bh(&port->lock);
	port->bad_entries++;
	spin_unlock_bh(&port->lock);
}

/**
 * odg_port_submit - make a completion visible and wake who waits for it
 * @port: where
 * @cqe: the completion, which was promised room; its sequence is filled in here
 * @op: an op that ends with it and has no pages any more, or NULL
 */
void odg_port_submit(struct odg_port *port, struct odg_cqe_wide *cqe,
		     struct odg_op *op)
{
	struct odg_cqe_wide *entry;
	bool quiet;
	u32 whom;
	u64 prod;

	/* bottom halves are off: see odg_op_finish() */
	spin_lock(&port->lock);
	prod = port->ring.prod;
	cqe->cqe.seq = prod;
	entry = odg_ring_write(&port->ring, prod);
	if (odg_port_is_wide(port)) {
		odg_port_stamp(cqe);
		*entry = *cqe;
	} else {
		entry->cqe = cqe->cqe;
	}
	odg_ring_unreserve(&port->ring);
	port->outstanding--;
	quiet = cqe->cqe.flags & ODG_CQE_QUIET;
	odg_ring_publish(&port->ring, prod, quiet);
	whom = odg_port_whom(port, quiet);
	if (op)
		odg_port_push_op(port, op);
	spin_unlock(&port->lock);
	trace_odg_complete(port->id, &cqe->cqe);
	odg_port_tell(port, whom);
}

/* odg_port_tell() found that there is somebody to tell. */
void odg_port_wake(struct odg_port *port, u32 whom)
{
	wake_up_poll(&port->wait, EPOLLIN | EPOLLRDNORM);
	if (whom & ODG_TELL_NOTIFY)
		odg_notify_signal(port);
}

/* Hand a completed op to the reaper.  The last touch: it may be gone now. */
void odg_port_finished(struct odg_port *port, struct odg_op *op)
{
	bool late = op->signal_late;
	bool first = llist_add(&op->done, &port->done);

	if (late)
		mod_delayed_work(odg_wq, &port->reap_work, 0);
	else if (first)
		queue_delayed_work(odg_wq, &port->reap_work, ODG_REAP_DELAY);
}

/*
 * How many completions are unread, for one who has queued himself on port->wait: who
 * completed before us, by the lock, is seen here, and who does after us sees him.
 */
u32 odg_port_unread(struct odg_port *port)
{
	u32 unread;

	odg_port_share(port);
	spin_lock_bh(&port->lock);
	port->tell |= ODG_TELL_WAITER;
	unread = odg_ring_unread(&port->ring);
	spin_unlock_bh(&port->lock);
	return unread;
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_unread);

void odg_port_get_stats(struct odg_port *port, struct odg_port_stats *stats)
{
	struct odg_binding *sole;

	if (!odg_port_ready(port))
		return;

	sole = odg_port_lock_ring(port);
	stats->entries = odg_ring_entries(&port->ring);
	stats->outstanding = port->outstanding;
	stats->unread = odg_ring_unread(&port->ring);
	stats->posted = port->ring.prod + port->outstanding;
	stats->completed = port->ring.prod;
	stats->cancelled = port->cancelled;
	stats->aborted = port->aborted;
	stats->bad_cons = port->ring.bad_cons;
	stats->bad_entries = port->bad_entries;
	stats->pinned_pages = port->pinned;
	odg_port_unlock_ring(port, sole);
	stats->kept_pages = odg_pincache_kept(&port->pins);
}
