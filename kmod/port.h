/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_PORT_H
#define ODG_PORT_H

#include <linux/idr.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/odgram.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "notify.h"
#include "op.h"
#include "pincache.h"
#include "ring.h"

struct net;
struct odg_binding;
struct odg_regions;
struct odg_rq;
struct odg_shm;
struct odg_watch;
struct pid;

/* @notify is there; somebody has queued himself on @wait once. */
#define ODG_TELL_NOTIFY	BIT(0)
#define ODG_TELL_WAITER	BIT(1)
#define ODG_TELL_ANY	(ODG_TELL_NOTIFY | ODG_TELL_WAITER)

/**
 * struct odg_port - one open file of /dev/odgram
 * @lock: protects what has no other rule below
 * @sole: the binding whose lock does for @ring what @lock does elsewhere: only its ring
 *	completes here, and nobody is to be told; or NULL.  Written under both locks.
 * @shared: it was over with that, and stays so
 * @ring: the completion queue (cq.c); its producer index counts what completed
 * @outstanding: receives and sends accepted and not completed; one of a ring counts
 *	while it is taken
 * @tell: ODG_TELL_*: who may have to be told of a completion
 * @notify: signalled when the program armed it, or NULL; written under
 *	@create_lock, read under RCU
 * @wait: woken at each completion
 * @regions: registered memory by id (region.c); written under @create_lock, read
 *	under RCU
 * @free: unused ops
 * @cancelled: of those completed, by a cancel
 * @aborted: of those completed, because their socket was closed
 * @bad_entries: entries of request queues that were wrong
 * @pinned: pages of ops now, one twice that two ops share
 * @user: who is charged for locked memory, NULL for one with CAP_IPC_LOCK;
 *	constant, as are those up to @id
 * @net: the namespace it was opened in
 * @owner: the process that opened it
 * @uid: the user who did
 * @id: its number in the registry
 * @region_ids: those in use; @create_lock
 * @region_pages: pages of all regions; written under @create_lock
 * @create_lock: one ODG_CQ_CREATE, _CQ_SWITCH, _RQ_CREATE, _RQ_SWITCH, _NOTIFY or
 *	change of @regions at a time
 * @ring_shm: memory of @ring; @create_lock
 * @spare: the queue for ODG_CQ_SWITCH, if its memory is there; @create_lock
 * @spare_shm: that, or NULL; @create_lock
 * @ready: the queue exists; release after everything it needs, acquire before
 * @source: the socket that was last posted to, NULL before; a reference, read under
 *	RCU (wait.c)
 * @notify_work: signals @notify where a completion may not
 * @rqs: request queues by id; written under @create_lock
 * @rq_wq: runs the works of those that name addresses, or NULL before there is one
 * @dead_rqs: those whose sockets are gone, or have another
 * @spare_rq: the one that is no socket's yet, or NULL; @create_lock
 * @pins: the pages of posted ops
 * @watch: of a port with ODG_CQ_WATCH, else NULL; constant once there is a queue
 * @reap_lock: held while finished ops are given back, and to make more
 * @ops: all there are, in chunks by number (optable.c)
 * @op_chunks: how many
 * @done: finished ops for the reaper
 * @reap_work: reaps when no call does
 * @rcu: frees it
 */
struct odg_port {
	/* all that a completion needs: two cache lines */
	spinlock_t lock;		/* see above */
	struct odg_ring ring;
	u32 outstanding;
	u32 tell;
	bool shared;
	struct odg_binding __rcu *sole;
	struct eventfd_ctx __rcu *notify;
	wait_queue_head_t wait;
	struct odg_regions __rcu *regions;

	struct odg_op *free;
	u64 cancelled;
	u64 aborted;
	u64 bad_entries;
	u64 pinned;

	struct user_struct *user;
	struct net *net;
	struct pid *owner;
	kuid_t uid;
	u32 id;
	struct mutex create_lock;	/* see above */
	struct ida region_ids;
	unsigned long region_pages;
	struct odg_shm *ring_shm;
	struct odg_ring spare;
	struct odg_shm *spare_shm;
	bool ready;
	struct odg_binding __rcu *source;

	struct work_struct notify_work;
	struct xarray rqs;
	struct workqueue_struct *rq_wq;
	struct llist_head dead_rqs;
	struct odg_rq *spare_rq;

	struct odg_pincache pins;
	struct odg_watch *watch;
	struct mutex reap_lock;		/* one reaper at a time */
	struct xarray ops;
	u32 op_chunks;
	struct llist_head done;
	struct delayed_work reap_work;
	struct rcu_head rcu;
} ____cacheline_aligned_in_smp;

/* Are completions struct odg_cqe_wide? */
static inline bool odg_port_is_wide(const struct odg_port *port)
{
	return port->ring.entry_shift == ilog2(sizeof(struct odg_cqe_wide));
}

/*
 * Who is to be told of the entry that was just published?  port->lock is held; the
 * answer is for odg_port_tell(), after it.
 */
static inline u32 odg_port_whom(struct odg_port *port, bool quiet)
{
	u32 whom = port->tell;

	if (whom & ODG_TELL_NOTIFY && (quiet || !odg_ring_disarm(&port->ring)))
		whom &= ~ODG_TELL_NOTIFY;
	return whom;
}

void odg_port_wake(struct odg_port *port, u32 whom);

/* Wake who waits for what was published.  Bottom halves are off. */
static inline void odg_port_tell(struct odg_port *port, u32 whom)
{
	if (likely(!whom))
		return;
	/* a waiter queues itself, then looks at the ring in odg_port_unread() */
	if (whom & ODG_TELL_NOTIFY || waitqueue_active(&port->wait))
		odg_port_wake(port, whom);
}

/* The entry that was just published is not quiet. */
static __always_inline void odg_port_unlock_tell(struct odg_port *port)
	__releases(&port->lock)
{
	if (unlikely(port->tell & ODG_TELL_ANY)) {
		u32 whom = odg_port_whom(port, false);

		spin_unlock(&port->lock);
		odg_port_tell(port, whom);
		return;
	}
	spin_unlock(&port->lock);
}

/* What a wide entry says of its making. */
static inline void odg_port_stamp(struct odg_cqe_wide *cqe)
{
	cqe->done_ns = ktime_get_real_ns();
	cqe->cpu = smp_processor_id();
}

struct odg_binding *odg_port_lock_ring(struct odg_port *port)
	__acquires(&port->lock);
void odg_port_unlock_ring(struct odg_port *port, struct odg_binding *sole)
	__releases(&port->lock);
void __odg_port_share(struct odg_port *port);

/*
 * From the return on, and for good, nobody is at the ring without port->lock.  May not be
 * called with a binding's lock.
 */
static inline void odg_port_share(struct odg_port *port)
{
	/* pairs with the release in __odg_port_share() */
	if (unlikely(!smp_load_acquire(&port->shared)))
		__odg_port_share(port);
}

void odg_port_set_sole(struct odg_port *port, struct odg_binding *binding);
void odg_port_unset_sole(struct odg_port *port, struct odg_binding *binding);

struct odg_port *odg_port_create(void);
void odg_port_release(struct odg_port *port);

bool odg_port_ready(struct odg_port *port);
u32 odg_port_unread(struct odg_port *port);
void odg_port_get_stats(struct odg_port *port, struct odg_port_stats *stats);

void odg_port_posted(struct odg_port *port, const struct odg_op *op);
bool odg_port_reserve(struct odg_port *port);
void odg_port_unreserve(struct odg_port *port);
void odg_port_cancelled(struct odg_port *port);
void odg_port_aborted(struct odg_port *port);
void odg_port_bad_entry(struct odg_port *port);
void odg_port_submit(struct odg_port *port, struct odg_cqe_wide *cqe,
		     struct odg_op *op);
void odg_port_finished(struct odg_port *port, struct odg_op *op);

#endif /* ODG_PORT_H */
