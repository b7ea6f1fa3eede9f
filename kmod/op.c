// SPDX-License-Identifier: GPL-2.0-only
/*
 * One overlapped operation: the contract, and how it ends.
 *
 * An op of the port's table goes round in this circle:
 *
 *   free      in port->free                          (port->lock)
 *   reserved  held by one post, nobody else knows it
 *   posted    in binding->fifo or ->sends, op->binding set  (binding->lock)
 *   free      again, with the completion visible     (port->lock)
 *
 * Some do not end there and then, and go by way of the reaper:
 *
 *   finished  in port->done, completion visible      (lock-free list)
 *
 * Those whose event cannot be signalled where they complete, those with so many
 * pages that letting go of them would hold softirq up, and sends that were copied.
 *
 * Exactly once: whoever takes the op out of its list under binding->lock ends it,
 * and nobody finds it there afterwards.  Delivery, drain, ICMP error, cancel and
 * close of the socket go through odg_op_complete() or odg_op_fail(), the close of
 * the port through odg_op_drop(), with that lock held; "posted" and
 * "op->binding != NULL" are the same thing.
 *
 * Locks: binding->lock, then port->lock.  Both are taken with bottom halves off,
 * which makes every completion an RCU reader: a port or binding is freed only
 * after a grace period (port.c, binding.c).
 *
 * Publish order: data, completion fields, ring index (release), then wake-up
 * and eventfd.  The last touch of an op is to make it free or put it on port->done;
 * from there on it may be somebody else's.
 */
#include <kunit/visibility.h>
#include <linux/odgram.h>

#include "binding.h"
#include "compat.h"
#include "op.h"
#include "optable.h"
#include "port.h"
#include "sendq.h"

/**
 * odg_op_signal - signal an eventfd from any context
 * @eventfd: whom
 *
 * Return: false if that is not allowed here (we are inside a wake-up of an
 * eventfd ourselves, and a nested signal would be lost): signal it later.
 */
bool odg_op_signal(struct eventfd_ctx *eventfd)
{
	if (!eventfd_signal_allowed())
		return false;
	odg_eventfd_signal(eventfd);
	return true;
}

/* Does it go by way of the reaper? */
static bool odg_op_ends_late(const struct odg_op *op)
{
	return op->tx || odg_buf_is_long(&op->buf) ||
	       (op->eventfd && !eventfd_signal_allowed());
}

static void odg_op_finish_late(struct odg_op *op, struct odg_cqe_wide *cqe)
{
	struct odg_port *port = op->port;

	odg_port_submit(port, cqe, NULL);
	if (op->eventfd)
		op->signal_late = !odg_op_signal(op->eventfd);
	odg_port_finished(port, op);
}

/**
 * odg_op_finish - make an op's completion visible
 * @op: stands in no FIFO
 * @cqe: what happened; the user data and the port's part are filled in here
 *
 * Bottom halves are off: nothing may come between the completion and the reaper
 * getting the op (optable.c counts on it).
 */
void odg_op_finish(struct odg_op *op, struct odg_cqe_wide *cqe)
{
	struct eventfd_ctx *eventfd = op->eventfd;
	struct odg_port *port = op->port;

	WARN_ON_ONCE(!in_softirq());

	cqe->cqe.user_data = op->user_data;
	if (op->quiet)
		cqe->cqe.flags |= ODG_CQE_QUIET;
	if (odg_op_ends_late(op)) {
		odg_op_finish_late(op, cqe);
		return;
	}
	odg_buf_put(&op->buf, &port->pins);
	odg_port_submit(port, cqe, op);
	if (eventfd) {
		odg_eventfd_signal(eventfd);
		eventfd_ctx_put(eventfd);
	}
}

/* Out of its list: whoever does this ends the op. */
static void odg_op_unlink(struct odg_op *op)
{
	struct odg_binding *binding = op->binding;

	lockdep_assert_held(&binding->lock);

	list_del(&op->node);
	if (op->tx)
		WRITE_ONCE(binding->send_depth, binding->send_depth - 1);
	else
		WRITE_ONCE(binding->depth, binding->depth - 1);
	WRITE_ONCE(op->binding, NULL);
}

/**
 * odg_op_complete - end a posted op
 * @op: stands in the FIFO of @op->binding, whose lock the caller holds
 * @cqe: what happened
 */
void odg_op_complete(struct odg_op *op, struct odg_cqe_wide *cqe)
{
	odg_op_unlink(op);
	odg_op_finish(op, cqe);
}

/* It ends without a datagram. */
static void odg_op_count_failed(struct odg_op *op, int status)
{
	if (op->tx)
		odg_send_count(op->binding, status);
	else
		op->binding->aborted++;
}

/* End a posted op whose port is going: nobody is told, its event stays as is. */
void odg_op_drop(struct odg_op *op)
{
	odg_op_count_failed(op, -ECANCELED);
	odg_op_unlink(op);
	odg_port_finished(op->port, op);
}

/* End a posted op without data: -ECANCELED, or an ICMP error. */
void odg_op_fail(struct odg_op *op, int status)
{
	struct odg_cqe_wide cqe = {
		.cqe.status = status,
		.cqe.flags = op->tx ? ODG_CQE_SEND : 0,
	};

	odg_op_count_failed(op, status);
	odg_op_complete(op, &cqe);
}

/* Give finished ops their pages and eventfds back.  May sleep. */
void odg_op_reap_locked(struct odg_port *port)
{
	struct llist_node *list = llist_del_all(&port->done);
	struct odg_op *op, *next;

	lockdep_assert_held(&port->reap_lock);

	llist_for_each_entry_safe(op, next, list, done) {
		odg_buf_put(&op->buf, &port->pins);
		odg_tx_free(port, op->tx);
		if (op->eventfd) {
			if (op->signal_late)
				odg_eventfd_signal(op->eventfd);
			eventfd_ctx_put(op->eventfd);
		}
		odg_port_free_op(port, op);
	}
}

void odg_op_reap(struct odg_port *port)
{
	mutex_lock(&port->reap_lock);
	odg_op_reap_locked(port);
	mutex_unlock(&port->reap_lock);
}
EXPORT_SYMBOL_IF_KUNIT(odg_op_reap);
