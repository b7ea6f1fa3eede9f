/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_OP_H
#define ODG_OP_H

#include <linux/eventfd.h>
#include <linux/list.h>
#include <linux/llist.h>

#include "buf.h"

struct odg_binding;
struct odg_cqe_wide;
struct odg_port;
struct odg_tx;

/**
 * struct odg_op - one overlapped receive or send, from post to completion
 * @node: place in the binding's FIFO, or among its sends; binding->lock
 * @binding: the binding in whose FIFO it stands, NULL while it stands in none;
 *	written under that binding's lock
 * @port: the port it completes to; never changes
 * @user_data: the program's name for it
 * @buf: the memory of a receive
 * @tx: the datagram of a send, NULL for a receive
 * @pages: of @buf or @tx, as counted in port->pinned while it is posted
 * @eventfd: to be signalled at completion, or NULL
 * @done: link in port->done, for the reaper
 * @next_free: link in port->free
 * @tid: who posted it, as that thread sees itself
 * @rq_pos: the socket's request queue stood there when it was posted
 * @gen: counts its uses, so that a stale id finds nothing
 * @slot: its number in the port; never changes
 * @signal_late: the reaper has to signal @eventfd
 * @quiet: ODG_RECV_QUIET
 */
struct odg_op {
	struct list_head node;
	struct odg_binding *binding;
	struct odg_port *port;
	u64 user_data;
	struct odg_buf buf;
	struct odg_tx *tx;
	struct eventfd_ctx *eventfd;
	union {
		struct llist_node done;
		struct odg_op *next_free;
	};
	u32 pages;
	pid_t tid;
	u32 rq_pos;
	u32 gen;
	u32 slot;
	bool signal_late;
	bool quiet;
};

void odg_op_finish(struct odg_op *op, struct odg_cqe_wide *cqe);
void odg_op_complete(struct odg_op *op, struct odg_cqe_wide *cqe);
void odg_op_drop(struct odg_op *op);
void odg_op_fail(struct odg_op *op, int status);
bool odg_op_signal(struct eventfd_ctx *eventfd);
void odg_op_reap(struct odg_port *port);
void odg_op_reap_locked(struct odg_port *port);

#endif /* ODG_OP_H */
