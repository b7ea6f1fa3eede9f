// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cancelling: find posted ops of a port and end them with -ECANCELED.
 *
 * An op is found through its port's table and belongs to whoever takes it out of
 * its FIFO under binding->lock (op.c).  The way from the table to that lock is:
 * read op->binding under RCU, take its lock, and look whether op->binding is still
 * the same.  It is set under that lock only, so while we hold it the op stays what
 * it is.
 */
#include <kunit/visibility.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <net/sock.h>

#include "binding.h"
#include "cancel.h"
#include "op.h"
#include "optable.h"
#include "port.h"
#include "sendq.h"
#include "trace.h"
#include "udpsock.h"

/* What to look for in an op, besides that it is posted; 0 for any. */
struct odg_match {
	const struct odg_binding *binding;
	u32 gen;
	pid_t tid;
};

/* The lock of op->binding is held. */
static bool odg_op_matches(const struct odg_op *op,
			   const struct odg_match *match)
{
	return (!match->binding || op->binding == match->binding) &&
	       (!match->gen || op->gen == match->gen) &&
	       (!match->tid || op->tid == match->tid);
}

static void odg_cancel_op(struct odg_op *op)
{
	struct odg_port *port = op->port;

	trace_odg_cancel(port->id, op->user_data);
	odg_op_fail(op, -ECANCELED);
	odg_port_cancelled(port);
}

/*
 * End the op with @end if it is posted and matches.  A send that is being tried
 * right now is not: its binding is returned with a reference, to wait for it.
 */
static bool odg_try_end(struct odg_op *op, const struct odg_match *match,
			void (*end)(struct odg_op *op),
			struct odg_binding **busy)
{
	struct odg_binding *binding;
	bool found = false;

	*busy = NULL;
	rcu_read_lock();
	binding = READ_ONCE(op->binding);
	if (binding) {
		spin_lock_bh(&binding->lock);
		found = op->binding == binding && odg_op_matches(op, match);
		if (found && binding->sending == op) {
			/* who tries it has one, so this is not the first */
			refcount_inc(&binding->ref);
			*busy = binding;
			found = false;
		} else if (found) {
			end(op);
		}
		spin_unlock_bh(&binding->lock);
	}
	rcu_read_unlock();
	return found;
}

/* End the op with @end if it is posted and matches.  May sleep. */
static bool odg_end_if(struct odg_op *op, const struct odg_match *match,
		       void (*end)(struct odg_op *op))
{
	struct odg_binding *busy;
	bool found;

	do {
		found = odg_try_end(op, match, end, &busy);
		if (busy) {
			odg_sendq_wait(busy);
			odg_binding_put(busy);
		}
	} while (busy);
	return found;
}

/* One lock per op and not one for all: the FIFO may be long. */
static int odg_end_all(struct odg_port *port, const struct odg_match *match,
		       void (*end)(struct odg_op *op))
{
	struct odg_op *ops;
	unsigned long chunk;
	int found = 0, i;

	xa_for_each(&port->ops, chunk, ops) {
		for (i = 0; i < ODG_OPS_AT_ONCE; i++)
			found += odg_end_if(&ops[i], match, end);
		cond_resched();
	}
	return found;
}

static int odg_cancel_id(struct odg_port *port, u64 id)
{
	struct odg_match match = { .gen = upper_32_bits(id) };
	struct odg_op *op = odg_port_find_op(port, id);

	return op && match.gen && odg_end_if(op, &match, odg_cancel_op);
}

static int odg_cancel_socket(struct odg_port *port, int fd, pid_t tid)
{
	struct odg_match match = { .tid = tid };
	struct odg_binding *binding;
	struct socket *sock;
	int found = 0;

	sock = odg_udp_socket(fd);
	if (IS_ERR(sock))
		return PTR_ERR(sock);

	binding = odg_binding_get(sock->sk);
	if (binding) {
		match.binding = binding;
		found = odg_end_all(port, &match, odg_cancel_op);
		odg_binding_put(binding);
	}
	sockfd_put(sock);
	return found;
}

/* The port is going: drop what it has posted, wherever. */
void odg_drop_all(struct odg_port *port)
{
	static const struct odg_match any;

	odg_end_all(port, &any, odg_op_drop);
}

int odg_cancel(struct odg_port *port, const struct odg_cancel *arg)
{
	bool by_id = arg->mode == ODG_CANCEL_ID;
	bool by_socket = arg->mode == ODG_CANCEL_SOCKET;
	bool by_thread = arg->mode == ODG_CANCEL_THREAD;
	int found;

	if (!by_id && !by_socket && !by_thread)
		return -EINVAL;
	if ((!by_id && arg->id) || (!by_socket && arg->fd != -1) ||
	    (by_id && arg->tid) || (by_thread && !arg->tid) || arg->tid < 0)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;

	if (by_id) {
		found = odg_cancel_id(port, arg->id);
	} else if (by_socket) {
		found = odg_cancel_socket(port, arg->fd, arg->tid);
	} else {
		struct odg_match match = { .tid = arg->tid };

		found = odg_end_all(port, &match, odg_cancel_op);
	}
	return found ? found : -ENOENT;
}
EXPORT_SYMBOL_IF_KUNIT(odg_cancel);
