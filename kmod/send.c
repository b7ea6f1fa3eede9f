// SPDX-License-Identifier: GPL-2.0-only
/*
 * ODG_SEND: a datagram is taken in, checked, and then either sent at once or, if
 * its socket has no room, made to wait (sendq.c).
 *
 * Sent at once it goes the way of sendmsg(2), from the program's memory and in its
 * context, and costs what that costs.  No lock is held meanwhile: two threads that
 * send at the same time have no order, and within a thread a send tries only when
 * none waits before it.
 *
 * A datagram that was sent cannot be taken back, so the answer's memory is looked
 * at before.
 */
#include <kunit/visibility.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "binding.h"
#include "compat.h"
#include "op.h"
#include "optable.h"
#include "port.h"
#include "post.h"
#include "send.h"
#include "sendq.h"
#include "udpsock.h"

/* Most control data is one packet info or less. */
#define ODG_CONTROL_INLINE 64

/**
 * struct odg_sending - one send on its way in
 * @port: where it will complete
 * @binding: the socket's
 * @sock: the socket
 * @tid: who sends
 * @usend: the program's description, for the answers
 * @send: our copy of it
 * @segs: the datagram's bytes
 * @dest: how to send it; points to what follows or to an allocation
 * @name: where to
 * @control: control messages, if they fit
 * @eventfd: its event or NULL; the op's once there is one
 * @op: NULL as long as a result makes one unnecessary
 */
struct odg_sending {
	struct odg_port *port;
	struct odg_binding *binding;
	struct socket *sock;
	pid_t tid;
	struct odg_send __user *usend;
	struct odg_send send;
	struct odg_segs segs;
	struct odg_dest dest;
	struct sockaddr_storage name;
	u8 control[ODG_CONTROL_INLINE] __aligned(8);
	struct eventfd_ctx *eventfd;
	struct odg_op *op;
};

static int odg_check_send(const struct odg_send *send)
{
	if (send->flags & ~(ODG_SEND_NOWAIT | ODG_SEND_DONTROUTE |
			    ODG_SEND_QUIET | ODG_SEND_REPORT) ||
	    send->eventfd < -1)
		return -EINVAL;
	if (send->flags & ODG_SEND_REPORT && send->result)
		return -EINVAL;
	if (!send->name != !send->namelen ||
	    send->namelen > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (!send->control != !send->controllen ||
	    send->controllen > ODG_MAX_CONTROL)
		return -EINVAL;
	return 0;
}

static void odg_dest_free(struct odg_sending *s)
{
	if (s->dest.control != s->control)
		kfree(s->dest.control);
}

static int odg_dest_import(struct odg_sending *s)
{
	const struct odg_send *send = &s->send;

	s->dest = (struct odg_dest) {
		.name = send->namelen ? &s->name : NULL,
		.namelen = send->namelen,
		.controllen = send->controllen,
		.flags = send->flags & ODG_SEND_DONTROUTE ? MSG_DONTROUTE : 0,
	};
	if (copy_from_user(&s->name, u64_to_user_ptr(send->name),
			   send->namelen))
		return -EFAULT;
	if (!send->controllen)
		return 0;
	s->dest.control = s->control;
	if (send->controllen > sizeof(s->control)) {
		s->dest.control = kmalloc(send->controllen, GFP_KERNEL);
		if (!s->dest.control)
			return -ENOMEM;
	}
	if (copy_from_user(s->dest.control, u64_to_user_ptr(send->control),
			   send->controllen)) {
		odg_dest_free(s);
		return -EFAULT;
	}
	return 0;
}

static int odg_answer_send(struct odg_sending *s, u32 state)
{
	u64 id = s->op ? odg_port_op_id(s->op) : 0;

	if (put_user(state, &s->usend->state) || put_user(id, &s->usend->id))
		return -EFAULT;
	return 0;
}

/* Can a result be written?  Nothing is changed by asking. */
static int odg_probe_result(const struct odg_sending *s)
{
	u8 __user *first = u64_to_user_ptr(s->send.result);
	u8 __user *last = first + odg_ring_entry_size(&s->port->ring) - 1;
	u8 byte;

	if (get_user(byte, first) || put_user(byte, first) ||
	    get_user(byte, last) || put_user(byte, last))
		return -EFAULT;
	return 0;
}

/* The op completes in the queue, now. */
static void odg_complete_send(struct odg_sending *s, struct odg_cqe_wide *cqe)
{
	s->op->eventfd = s->eventfd;
	local_bh_disable();
	odg_port_posted(s->port, s->op);
	odg_op_finish(s->op, cqe);
	local_bh_enable();
	s->op = NULL;
	s->eventfd = NULL;
}

/* It is sent: whatever happens now, the program is told as well as it can be. */
static void odg_sent(struct odg_sending *s, u32 bytes)
{
	struct odg_cqe_wide cqe = {
		.cqe.flags = ODG_CQE_SEND,
		.cqe.len = bytes,
		.cqe.full_len = bytes,
	};

	odg_send_count(s->binding, bytes);
	if (s->send.result) {
		odg_write_result(s->port, s->send.result, s->send.user_data,
				 &cqe);
		if (s->eventfd) {
			/* a system call is never inside a wake-up of one */
			odg_eventfd_signal(s->eventfd);
		}
		return;
	}
	odg_complete_send(s, &cqe);
}

/* It cannot be sent, and the program wants to be told in the queue. */
static void odg_not_sent(struct odg_sending *s, int status)
{
	struct odg_cqe_wide cqe = {
		.cqe.flags = ODG_CQE_SEND,
		.cqe.status = status,
	};

	odg_send_count(s->binding, status);
	odg_tx_free(s->port, s->op->tx);
	s->op->tx = NULL;
	odg_complete_send(s, &cqe);
}

static int odg_get_op(struct odg_sending *s)
{
	struct odg_op *op = odg_port_get_op(s->port);

	if (IS_ERR(op))
		return PTR_ERR(op);
	op->user_data = s->send.user_data;
	op->quiet = s->send.flags & ODG_SEND_QUIET;
	op->tid = s->tid;
	s->op = op;
	return 0;
}

static int odg_try_now(struct odg_sending *s)
{
	struct iov_iter iter;
	int ret;

	if (s->send.result)
		ret = odg_probe_result(s);
	else
		ret = odg_get_op(s);
	if (ret)
		return ret;
	ret = odg_answer_send(s, s->op ? ODG_SEND_QUEUED : ODG_SEND_DONE);
	if (ret)
		return ret;
	/* nothing may overtake what waits */
	if (READ_ONCE(s->binding->send_depth))
		return -EAGAIN;

	iov_iter_init(&iter, ITER_SOURCE, s->segs.iov, s->segs.nr,
		      s->segs.bytes);
	ret = odg_send_now(s->binding, s->sock, &s->dest, &iter);
	if (ret >= 0) {
		odg_sent(s, ret);
		ret = 0;
	}
	return ret;
}

static int odg_wait_for_room(struct odg_sending *s)
{
	struct odg_op *op;
	int ret;

	if (!s->op) {
		ret = odg_get_op(s);
		if (ret)
			return ret;
	}
	op = s->op;
	op->tx = odg_tx_copy(s->port, &s->dest, &s->segs);
	if (IS_ERR(op->tx)) {
		ret = PTR_ERR(op->tx);
		op->tx = NULL;
		return ret;
	}
	op->pages = op->tx->pages;
	op->eventfd = s->eventfd;

	ret = odg_answer_send(s, ODG_SEND_PENDING);
	if (!ret)
		ret = odg_sendq_append(s->binding, op);
	if (!ret) {
		s->op = NULL;
		s->eventfd = NULL;
	}
	return ret;
}

static int odg_send_one(struct odg_sending *s)
{
	int ret;

	if (copy_from_user(&s->send, s->usend, sizeof(s->send)))
		return -EFAULT;
	ret = odg_check_send(&s->send);
	if (ret)
		return ret;
	ret = odg_segs_import(&s->segs, u64_to_user_ptr(s->send.segs),
			      s->send.nr_segs);
	if (ret)
		return ret;
	ret = -EMSGSIZE;
	if (s->segs.bytes > U16_MAX)
		goto out_segs;
	ret = odg_dest_import(s);
	if (ret)
		goto out_segs;

	s->eventfd = NULL;
	if (s->send.eventfd >= 0) {
		s->eventfd = eventfd_ctx_fdget(s->send.eventfd);
		if (IS_ERR(s->eventfd)) {
			ret = PTR_ERR(s->eventfd);
			goto out_dest;
		}
	}

	s->op = NULL;
	ret = odg_try_now(s);
	if (ret == -EAGAIN && !(s->send.flags & ODG_SEND_NOWAIT))
		ret = odg_wait_for_room(s);
	if (ret && s->op && s->send.flags & ODG_SEND_REPORT) {
		odg_not_sent(s, ret);
		ret = 0;
	}

	if (s->op) {
		odg_tx_free(s->port, s->op->tx);
		odg_port_put_op(s->port, s->op);
	}
	if (s->eventfd)
		eventfd_ctx_put(s->eventfd);
out_dest:
	odg_dest_free(s);
out_segs:
	odg_segs_free(&s->segs);
	return ret;
}

static int odg_send_all(struct odg_sending *s, const struct odg_send_batch *arg)
{
	struct odg_send __user *usends = u64_to_user_ptr(arg->sends);
	u32 i;
	int ret;

	for (i = 0; i < arg->count; i++) {
		s->usend = &usends[i];
		ret = odg_send_one(s);
		if (ret)
			return i ? i : ret;
		if (i % 64 == 63)
			cond_resched();
	}
	return i;
}

int odg_send(struct odg_port *port, const struct odg_send_batch *arg)
{
	struct odg_sending s = {
		.port = port,
		.tid = task_pid_vnr(current),
	};
	int ret;

	if (arg->flags || !arg->count || arg->count > ODG_MAX_POSTS)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;

	s.sock = odg_udp_socket(arg->fd);
	if (IS_ERR(s.sock))
		return PTR_ERR(s.sock);
	s.binding = odg_binding_attach(s.sock->sk);
	ret = PTR_ERR_OR_ZERO(s.binding);
	if (!ret) {
		ret = odg_send_all(&s, arg);
		odg_binding_put(s.binding);
	}
	sockfd_put(s.sock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_send);
