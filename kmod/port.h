/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_PORT_H
#define ODG_PORT_H

#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/odgram.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "op.h"
#include "pincache.h"
#include "ring.h"

struct net;
struct odg_region;
struct pid;

/**
 * struct odg_port - one open file of /dev/odgram
 * @user: who is charged for locked memory, NULL for one with CAP_IPC_LOCK
 * @net: the namespace it was opened in
 * @owner: the process that opened it
 * @uid: the user who did
 * @id: its number in the registry
 * @rcu: frees it
 * @create_lock: one ODG_CQ_CREATE, _RQ_CREATE or change of @regions at a time
 * @ready: the queue exists; release after everything it needs, acquire before
 * @cqe_size: bytes of one completion
 * @ops: the op table
 * @nr_ops: its size
 * @lock: protects @ring, @free and the counters up to @pinned
 * @ring: the completion queue
 * @free: unused ops
 * @posted: receives accepted; those of a ring count when they are taken
 * @completed: receives completed
 * @cancelled: of these, by a cancel
 * @aborted: of these, because their socket was closed
 * @pinned: pages of ops now, one twice that two ops share
 * @notify: signalled when the program armed it, or NULL; written under
 *	@create_lock, read under RCU
 * @notify_work: signals it where a completion may not
 * @regions: registered memory by id; written under @create_lock, read under RCU
 * @rqs: request queues by id; written under @create_lock
 * @dead_rqs: those whose sockets are gone
 * @pins: the pages of posted ops
 * @reap_lock: held while finished ops are given back
 * @wait: woken at each completion
 * @done: finished ops for the reaper
 * @reap_work: reaps when no call does
 */
struct odg_port {
	struct user_struct *user;
	struct net *net;
	struct pid *owner;
	kuid_t uid;
	u32 id;
	struct rcu_head rcu;
	struct mutex create_lock;	/* see above */
	bool ready;
	u32 cqe_size;
	struct odg_op *ops;
	u32 nr_ops;

	spinlock_t lock;		/* of what follows, to @pinned */
	struct odg_ring ring;
	struct odg_op *free;
	u64 posted;
	u64 completed;
	u64 cancelled;
	u64 aborted;
	u64 pinned;

	struct eventfd_ctx __rcu *notify;
	struct work_struct notify_work;

	struct odg_region __rcu *regions[ODG_MAX_REGIONS];
	struct xarray rqs;
	struct llist_head dead_rqs;

	struct odg_pincache pins;
	struct mutex reap_lock;		/* one reaper at a time */
	wait_queue_head_t wait;
	struct llist_head done;
	struct delayed_work reap_work;
};

/* Are completions struct odg_cqe_wide? */
static inline bool odg_port_is_wide(const struct odg_port *port)
{
	return port->cqe_size == sizeof(struct odg_cqe_wide);
}

struct odg_port *odg_port_create(void);
void odg_port_release(struct odg_port *port);

int odg_port_create_cq(struct odg_port *port, struct odg_cq_create *arg);
bool odg_port_ready(struct odg_port *port);
int odg_port_wait(struct odg_port *port, const struct odg_wait *arg);
u32 odg_port_unread(struct odg_port *port);
void odg_port_get_stats(struct odg_port *port, struct odg_port_stats *stats);

struct odg_op *odg_port_get_op(struct odg_port *port);
void odg_port_put_op(struct odg_port *port, struct odg_op *op);
void odg_port_free_op(struct odg_port *port, struct odg_op *op);
struct odg_op *odg_port_find_op(struct odg_port *port, u64 id);
u64 odg_port_op_id(struct odg_port *port, const struct odg_op *op);

void odg_port_posted(struct odg_port *port, const struct odg_op *op);
bool odg_port_reserve(struct odg_port *port);
void odg_port_unreserve(struct odg_port *port);
void odg_port_cancelled(struct odg_port *port);
void odg_port_aborted(struct odg_port *port);
void odg_port_submit(struct odg_port *port, struct odg_cqe_wide *cqe,
		     struct odg_op *op);
void odg_port_finished(struct odg_port *port, struct odg_op *op);

#endif /* ODG_PORT_H */
