// SPDX-License-Identifier: GPL-2.0-only
/*
 * Posting: a receive is taken in, checked, and then either done at once or put
 * into the FIFO.
 *
 * Everything that can fail is done before anything is changed: the datagram is
 * only peeked at while it is copied to the program, and leaves the queue when the
 * data and the answer are in the program's memory.  A bad pointer therefore costs
 * neither a datagram nor an op.
 *
 * binding->post_lock is held from the look at the queue to the place in the FIFO:
 * that makes posting order.  It is a mutex, since the copy and the pinning may
 * fault; its holder may be slow, but only for those who share the socket.
 *
 * A program may post one receive a call, so what a post costs is what it copies
 * and locks.  Small structures cross the border field by field in one access
 * window: copy_from_user() asks each time where its kernel memory lies.
 */
#include <kunit/visibility.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/file.h>
#include <linux/instrumented.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/udp.h>

#include "binding.h"
#include "compat.h"
#include "fill.h"
#include "hist.h"
#include "op.h"
#include "optable.h"
#include "port.h"
#include "post.h"
#include "recv.h"
#include "sockq.h"
#include "trace.h"
#include "udpsock.h"
#include "wait.h"

/**
 * struct odg_posting - one receive on its way in
 * @port: where it will complete
 * @binding: the socket's
 * @event: the last receive's event, since the next often has the same
 * @event_fd: its descriptor, -1 before there was one
 * @urecv: the program's description, for the answers
 * @recv: our copy of it
 * @segs: its scatter list
 * @rest_at: where in the datagram that it gets it begins
 * @eventfd: its event or NULL; the op's once there is one
 * @op: NULL as long as nothing needs one
 * @cqe: its completion, if it is done at once
 */
struct odg_posting {
	struct odg_port *port;
	struct odg_binding *binding;
	struct fd event;
	int event_fd;
	struct odg_recv __user *urecv;
	struct odg_recv recv;
	struct odg_segs segs;
	u32 rest_at;
	struct eventfd_ctx *eventfd;
	struct odg_op *op;
	struct odg_cqe_wide cqe;
};

static int odg_answer(struct odg_posting *p, u32 state)
{
	struct odg_recv __user *urecv = p->urecv;
	u64 id = 0;

	if (state != ODG_RECV_DONE)
		id = odg_port_op_id(p->op);

	if (!user_write_access_begin(urecv, sizeof(*urecv)))
		return -EFAULT;
	unsafe_put_user(state, &urecv->state, err_fault);
	unsafe_put_user(id, &urecv->id, err_fault);
	user_write_access_end();
	return 0;

err_fault:
	user_write_access_end();
	return -EFAULT;
}

/* Now; or the time that was taken a moment ago, for want of the stack's. */
static u64 odg_done_ns(const struct odg_cqe *cqe)
{
	if (cqe->rx_ns && !(cqe->flags & ODG_CQE_RX_STACK))
		return cqe->rx_ns;
	return ktime_get_real_ns();
}

/* Write a completion that is known at once to odg_recv.result or its like. */
int odg_write_result(const struct odg_port *port, u64 result, u64 user_data,
		     struct odg_cqe_wide *cqe)
{
	void __user *uresult = u64_to_user_ptr(result);
	unsigned long left;

	cqe->cqe.user_data = user_data;
	/* copies of constant size, which spares them a check */
	if (odg_port_is_wide(port)) {
		cqe->done_ns = odg_done_ns(&cqe->cqe);
		cqe->cpu = raw_smp_processor_id();
		left = copy_to_user(uresult, cqe, sizeof(*cqe));
	} else {
		left = copy_to_user(uresult, &cqe->cqe, sizeof(cqe->cqe));
	}
	return left ? -EFAULT : 0;
}

/*
 * Give the program its answer for a receive that is done.  Where the completion
 * goes to the queue, it is the caller's to put it there afterwards.
 */
static int odg_answer_done(struct odg_posting *p)
{
	int ret;

	if (!p->recv.result)
		return odg_answer(p, ODG_RECV_QUEUED);
	ret = odg_write_result(p->port, p->recv.result, p->recv.user_data,
			       &p->cqe);
	return ret ? ret : odg_answer(p, ODG_RECV_DONE);
}

/* Nothing can fail any more: complete a receive that is done. */
static void odg_finish_now(struct odg_posting *p)
{
	if (!p->recv.result) {
		p->op->eventfd = p->eventfd;
		local_bh_disable();
		odg_port_posted(p->port, p->op);
		odg_op_finish(p->op, &p->cqe);
		local_bh_enable();
		p->op = NULL;
		p->eventfd = NULL;
	} else if (p->eventfd) {
		/* a system call is never inside a wake-up of an eventfd */
		odg_eventfd_signal(p->eventfd);
	}
}

/* An error waits: it is the result of this receive. */
static int odg_take_error(struct odg_posting *p, int status)
{
	int ret;

	p->cqe = (struct odg_cqe_wide) {
		.cqe.status = status,
		.cqe.flags = ODG_CQE_ICMP,
	};
	ret = odg_answer_done(p);
	if (ret) {
		odg_keep_error(p->binding, status);
		return ret;
	}
	spin_lock_bh(&p->binding->lock);
	p->binding->aborted++;
	spin_unlock_bh(&p->binding->lock);
	odg_finish_now(p);
	return 0;
}

/*
 * Most datagrams are in one piece.  That memory may be shown to user space is
 * known, and the common way would look it up each time.
 */
static int odg_copy_linear(const struct odg_segs *segs, const void *data,
			   size_t len)
{
	const struct iovec *iov = segs->iov;

	for (; len; iov++) {
		size_t n = min(len, iov->iov_len);

		if (should_fail_usercopy() || !access_ok(iov->iov_base, n))
			return -EFAULT;
		instrument_copy_to_user(iov->iov_base, data, n);
		if (raw_copy_to_user(iov->iov_base, data, n))
			return -EFAULT;
		data += n;
		len -= n;
	}
	return 0;
}

/* Where the receive begins: a ring's may have had a part of the datagram. */
static void odg_find_rest(struct odg_posting *p, const struct sk_buff *skb)
{
	struct odg_binding *binding = p->binding;

	p->rest_at = 0;
	if (likely(READ_ONCE(binding->rest.skb) != skb))
		return;
	spin_lock_bh(&binding->lock);
	p->rest_at = odg_rest_at(&binding->rest, skb);
	spin_unlock_bh(&binding->lock);
}

static int odg_copy_datagram(struct odg_posting *p, struct sk_buff *skb)
{
	struct odg_segs *segs = &p->segs;
	struct odg_cqe_wide *cqe = &p->cqe;
	struct iov_iter iter;

	odg_find_rest(p, skb);
	odg_fill_cqe(cqe, p->port, p->binding, skb, p->rest_at, segs->bytes);
	if (p->rest_at + cqe->cqe.len <= skb_headlen(skb))
		return odg_copy_linear(segs, skb->data + p->rest_at,
				       cqe->cqe.len);

	iov_iter_init(&iter, ITER_DEST, segs->iov, segs->nr, segs->bytes);
	if (skb_copy_datagram_iter(skb, p->rest_at, &iter, cqe->cqe.len))
		return -EFAULT;
	return 0;
}

/*
 * Data and answer are the program's: so is the datagram, or a part of it, and the
 * rest is the next receive's.  binding->lock is held.
 */
static bool odg_take_part(struct odg_posting *p, struct sk_buff *skb)
{
	struct odg_binding *binding = p->binding;
	const struct odg_cqe *cqe = &p->cqe.cqe;
	struct sock *sk = binding->sk;
	u32 end = p->rest_at +
		  (cqe->flags & ODG_CQE_PARTIAL ? cqe->len : cqe->full_len);

	if (odg_rest_at(&binding->rest, skb) != p->rest_at)
		return false;
	if (end < skb->len) {
		if (!odg_sockq_is_first(sk, skb))
			return false;
		odg_keep_rest(binding, skb_get(skb), end);
		return true;
	}
	if (!odg_sockq_take(sk, skb))
		return false;
	odg_rest_set(&binding->rest, NULL, 0);
	binding->from_queue++;
	return true;
}

/* False if somebody was faster. */
static bool odg_take_datagram(struct odg_posting *p, struct sk_buff *skb)
{
	struct odg_binding *binding = p->binding;
	bool ours;

	spin_lock_bh(&binding->lock);
	ours = odg_take_part(p, skb);
	if (ours) {
		odg_count_delivery(binding, &p->cqe);
		if (binding->hist)
			odg_hist_add_cqe(binding, &p->cqe.cqe, false);
	}
	spin_unlock_bh(&binding->lock);
	return ours;
}

static void odg_take_bad_csum(struct odg_binding *binding, struct sk_buff *skb)
{
	bool ours;

	spin_lock_bh(&binding->lock);
	ours = odg_sockq_take(binding->sk, skb);
	if (ours)
		odg_drop_bad_csum(binding, skb);
	spin_unlock_bh(&binding->lock);
	if (!ours)
		consume_skb(skb);
}

/**
 * odg_take_now - complete a receive with what waits in the socket
 * @p: the receive; nothing is posted before it
 *
 * Return: 0 and it is done, -EAGAIN if nothing waits, or another error and
 * nothing was taken.
 */
static int odg_take_now(struct odg_posting *p)
{
	struct odg_binding *binding = p->binding;
	struct sock *sk = binding->sk;
	struct sk_buff *skb;
	int status, ret;

	status = odg_waiting_error(binding);
	if (status)
		return odg_take_error(p, status);

	for (;;) {
		skb = odg_sockq_peek(sk);
		if (!skb)
			return -EAGAIN;

		if (udp_lib_checksum_complete(skb)) {
			odg_take_bad_csum(binding, skb);
			continue;
		}

		ret = odg_copy_datagram(p, skb);
		if (ret)
			break;

		ret = odg_answer_done(p);
		if (ret)
			break;

		if (odg_take_datagram(p, skb)) {
			trace_odg_post(binding->id, p->port->id,
				       p->recv.user_data, p->segs.bytes, false);
			trace_odg_deliver(binding->id, p->port->id,
					  p->recv.user_data, &p->cqe.cqe,
					  false);
			odg_finish_now(p);
			break;
		}
		/* recv(2) or a ring was faster: what we copied is not ours */
		consume_skb(skb);
	}
	consume_skb(skb);
	return ret;
}

/* The op that a receive needs to wait, or to have its completion queued. */
static int odg_need_op(struct odg_posting *p)
{
	struct odg_op *op;

	if (p->op)
		return 0;
	op = odg_port_get_op(p->port);
	if (IS_ERR(op))
		return PTR_ERR(op);
	op->user_data = p->recv.user_data;
	op->quiet = p->recv.flags & ODG_RECV_QUIET;
	p->op = op;
	return 0;
}

/* What gettid(2) says; nearly all tasks are in the first name space. */
static pid_t odg_gettid(void)
{
	if (likely(ns_of_pid(task_pid(current)) == &init_pid_ns))
		return current->pid;
	return task_pid_vnr(current);
}

/* Wait in the FIFO.  -EAGAIN: something came that has to be taken first. */
static int odg_pend(struct odg_posting *p)
{
	struct odg_op *op = p->op;
	int ret;

	if (!op->buf.nr) {
		ret = odg_buf_pin(&op->buf, &p->segs, &p->port->pins);
		if (ret)
			return ret;
		op->pages = op->buf.nr;
	}
	op->eventfd = p->eventfd;
	op->tid = odg_gettid();

	ret = odg_answer(p, ODG_RECV_PENDING);
	if (ret)
		return ret;
	ret = odg_binding_append(p->binding, op);
	if (ret)
		return ret;

	p->op = NULL;
	p->eventfd = NULL;
	return 0;
}

static int odg_post_locked(struct odg_posting *p)
{
	bool no_wait = p->recv.flags & ODG_RECV_NOWAIT;
	int ret;

	do {
		/* a receive done with its completion at @result needs no op */
		if (!p->recv.result) {
			ret = odg_need_op(p);
			if (ret)
				return ret;
		}
		ret = -EAGAIN;
		if (!odg_something_posted(p->binding))
			ret = odg_take_now(p);
		if (ret != -EAGAIN || no_wait)
			return ret;
		ret = odg_need_op(p);
		if (ret)
			return ret;
		ret = odg_pend(p);
	} while (ret == -EAGAIN);
	return ret;
}

static int odg_recv_import(struct odg_recv *recv,
			   const struct odg_recv __user *urecv)
{
	if (!user_read_access_begin(urecv, sizeof(*urecv)))
		return -EFAULT;
	unsafe_get_user(recv->user_data, &urecv->user_data, err_fault);
	unsafe_get_user(recv->segs, &urecv->segs, err_fault);
	unsafe_get_user(recv->nr_segs, &urecv->nr_segs, err_fault);
	unsafe_get_user(recv->flags, &urecv->flags, err_fault);
	unsafe_get_user(recv->eventfd, &urecv->eventfd, err_fault);
	unsafe_get_user(recv->result, &urecv->result, err_fault);
	user_read_access_end();

	if (recv->flags & ~(ODG_RECV_NOWAIT | ODG_RECV_QUIET) ||
	    recv->eventfd < -1)
		return -EINVAL;
	return 0;

err_fault:
	user_read_access_end();
	return -EFAULT;
}

static struct eventfd_ctx *odg_get_event(struct odg_posting *p)
{
	if (p->recv.eventfd < 0)
		return NULL;
	if (p->recv.eventfd != p->event_fd) {
		fdput(p->event);
		p->event = fdget(p->recv.eventfd);
		p->event_fd = p->recv.eventfd;
	}
	if (!odg_fd_file(p->event))
		return ERR_PTR(-EBADF);
	return eventfd_ctx_fileget(odg_fd_file(p->event));
}

static int odg_post_one(struct odg_posting *p)
{
	struct odg_port *port = p->port;
	int ret;

	ret = odg_recv_import(&p->recv, p->urecv);
	if (ret)
		return ret;
	ret = odg_segs_import(&p->segs, u64_to_user_ptr(p->recv.segs),
			      p->recv.nr_segs);
	if (ret)
		return ret;

	p->eventfd = odg_get_event(p);
	if (IS_ERR(p->eventfd)) {
		ret = PTR_ERR(p->eventfd);
		goto out_segs;
	}

	p->op = NULL;
	ret = mutex_lock_killable(&p->binding->post_lock);
	if (!ret) {
		ret = odg_post_locked(p);
		mutex_unlock(&p->binding->post_lock);
	}

	if (p->op) {
		odg_buf_put(&p->op->buf, &port->pins);
		odg_port_put_op(port, p->op);
	}
	if (p->eventfd)
		eventfd_ctx_put(p->eventfd);
out_segs:
	odg_segs_free(&p->segs);
	return ret;
}

static int odg_post_all(struct odg_port *port, struct odg_binding *binding,
			const struct odg_post *arg)
{
	struct odg_recv __user *urecvs = u64_to_user_ptr(arg->recvs);
	struct odg_posting p;
	int ret = 0;
	u32 i;

	/* the rest is filled as far as it is used */
	p.port = port;
	p.binding = binding;
	p.event = (struct fd) {};
	p.event_fd = -1;

	for (i = 0; i < arg->count; i++) {
		p.urecv = &urecvs[i];
		ret = odg_post_one(&p);
		if (ret)
			break;
		if (i % 64 == 63)
			cond_resched();
	}
	fdput(p.event);
	return i ? i : ret;
}

int odg_post(struct odg_port *port, const struct odg_post *arg)
{
	struct odg_binding *binding;
	struct socket *sock;
	struct fd f;
	int ret;

	if (arg->flags || !arg->count || arg->count > ODG_MAX_POSTS)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;

	f = fdget(arg->fd);
	sock = odg_socket_of(odg_fd_file(f));
	ret = PTR_ERR_OR_ZERO(sock);
	if (ret)
		goto out;
	binding = odg_attach_bound(sock->sk);
	ret = PTR_ERR_OR_ZERO(binding);
	if (ret)
		goto out;
	if (READ_ONCE(sock->sk->sk_shutdown) & RCV_SHUTDOWN) {
		ret = -ESHUTDOWN;
	} else {
		odg_wait_set_source(port, binding);
		ret = odg_post_all(port, binding, arg);
	}
	odg_binding_put(binding);
out:
	fdput(f);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_post);
