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
 */
#include <kunit/visibility.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/udp.h>

#include "binding.h"
#include "compat.h"
#include "hist.h"
#include "op.h"
#include "port.h"
#include "post.h"
#include "recv.h"
#include "sockq.h"
#include "trace.h"

/**
 * struct odg_posting - one receive on its way in
 * @port: where it will complete
 * @binding: the socket's
 * @tid: who posts
 * @urecv: the program's description, for the answers
 * @recv: our copy of it
 * @segs: its scatter list
 * @eventfd: its event or NULL; the op's once there is one
 * @op: NULL as long as ODG_RECV_NOWAIT with a result makes one unnecessary
 */
struct odg_posting {
	struct odg_port *port;
	struct odg_binding *binding;
	pid_t tid;
	struct odg_recv __user *urecv;
	struct odg_recv recv;
	struct odg_segs segs;
	struct eventfd_ctx *eventfd;
	struct odg_op *op;
};

static bool odg_is_udp(const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	return sock->type == SOCK_DGRAM && sk->sk_protocol == IPPROTO_UDP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

/**
 * odg_udp_socket - the socket behind a descriptor, if odgram can serve it
 * @fd: the descriptor
 *
 * Return: the socket, to be given back with sockfd_put(), or an ERR_PTR() of
 * -EBADF, -ENOTSOCK or -EOPNOTSUPP.
 */
struct socket *odg_udp_socket(int fd)
{
	struct socket *sock;
	int ret;

	sock = sockfd_lookup(fd, &ret);
	if (!sock)
		return ERR_PTR(ret);
	if (!odg_is_udp(sock)) {
		sockfd_put(sock);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return sock;
}

static int odg_answer(struct odg_posting *p, u32 state)
{
	u64 id = p->op ? odg_port_op_id(p->port, p->op) : 0;

	if (state == ODG_RECV_DONE)
		id = 0;
	if (put_user(state, &p->urecv->state) || put_user(id, &p->urecv->id))
		return -EFAULT;
	return 0;
}

/* Write a completion that is known at once to odg_recv.result or its like. */
int odg_write_result(const struct odg_port *port, u64 result, u64 user_data,
		     struct odg_cqe_wide *cqe)
{
	cqe->cqe.user_data = user_data;
	cqe->done_ns = ktime_get_real_ns();
	cqe->cpu = raw_smp_processor_id();
	if (copy_to_user(u64_to_user_ptr(result), cqe, port->cqe_size))
		return -EFAULT;
	return 0;
}

/*
 * Give the program its answer for a receive that is done.  Where the completion
 * goes to the queue, it is the caller's to put it there afterwards.
 */
static int odg_answer_done(struct odg_posting *p, struct odg_cqe_wide *cqe)
{
	if (!p->recv.result)
		return odg_answer(p, ODG_RECV_QUEUED);
	if (odg_write_result(p->port, p->recv.result, p->recv.user_data, cqe))
		return -EFAULT;
	return odg_answer(p, ODG_RECV_DONE);
}

/* Nothing can fail any more: complete a receive that is done. */
static void odg_finish_now(struct odg_posting *p, struct odg_cqe_wide *cqe)
{
	if (!p->recv.result) {
		p->op->eventfd = p->eventfd;
		local_bh_disable();
		odg_port_posted(p->port);
		odg_op_finish(p->op, cqe);
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
	struct odg_cqe_wide cqe = {
		.cqe.status = status,
		.cqe.flags = ODG_CQE_ICMP,
	};
	int ret = odg_answer_done(p, &cqe);

	if (ret) {
		odg_keep_error(p->binding, status);
		return ret;
	}
	spin_lock_bh(&p->binding->lock);
	p->binding->aborted++;
	spin_unlock_bh(&p->binding->lock);
	odg_finish_now(p, &cqe);
	return 0;
}

static int odg_copy_datagram(struct odg_posting *p, struct sk_buff *skb,
			     struct odg_cqe_wide *cqe)
{
	struct odg_segs *segs = &p->segs;
	struct iov_iter iter;

	odg_fill_cqe(cqe, p->port, p->binding, skb, 0, segs->bytes);
	iov_iter_init(&iter, ITER_DEST, segs->iov, segs->nr, segs->bytes);
	if (skb_copy_datagram_iter(skb, 0, &iter, cqe->cqe.len))
		return -EFAULT;
	return 0;
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
	struct odg_cqe_wide cqe;
	struct sk_buff *skb;
	int status, ret;

	status = odg_waiting_error(binding);
	if (status)
		return odg_take_error(p, status);

	for (;;) {
		if (odg_sockq_empty(sk))
			return -EAGAIN;
		skb = odg_sockq_peek(sk);
		if (!skb)
			return -EAGAIN;

		if (udp_lib_checksum_complete(skb)) {
			if (odg_sockq_take(sk, skb)) {
				spin_lock_bh(&binding->lock);
				odg_drop_bad_csum(binding, skb);
				spin_unlock_bh(&binding->lock);
			} else {
				consume_skb(skb);
			}
			continue;
		}

		ret = odg_copy_datagram(p, skb, &cqe);
		if (ret)
			break;

		ret = odg_answer_done(p, &cqe);
		if (ret)
			break;

		if (odg_sockq_take(sk, skb)) {
			spin_lock_bh(&binding->lock);
			binding->from_queue++;
			odg_count_delivery(binding, &cqe);
			if (binding->hist)
				odg_hist_add(binding, &cqe.cqe, false);
			spin_unlock_bh(&binding->lock);
			trace_odg_post(binding->id, p->port->id,
				       p->recv.user_data, p->segs.bytes, false);
			trace_odg_deliver(binding->id, p->port->id,
					  p->recv.user_data, &cqe.cqe, false);
			odg_finish_now(p, &cqe);
			break;
		}
		/* recv(2) was faster: what we copied is somebody else's */
		consume_skb(skb);
	}
	consume_skb(skb);
	return ret;
}

/* Wait in the FIFO.  -EAGAIN: something came that has to be taken first. */
static int odg_pend(struct odg_posting *p)
{
	struct odg_op *op = p->op;
	int ret;

	if (!op->buf.nr) {
		ret = odg_buf_pin(&op->buf, &p->segs, p->port->user);
		if (ret)
			return ret;
		atomic_long_add(op->buf.nr, &p->port->pinned);
	}
	op->user_data = p->recv.user_data;
	op->eventfd = p->eventfd;
	op->tid = p->tid;

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
	int ret;

	do {
		ret = -EAGAIN;
		if (!odg_something_posted(p->binding))
			ret = odg_take_now(p);
		if (ret != -EAGAIN || p->recv.flags & ODG_RECV_NOWAIT)
			return ret;
		ret = odg_pend(p);
	} while (ret == -EAGAIN);
	return ret;
}

static int odg_check_recv(const struct odg_recv *recv)
{
	if (recv->flags & ~(ODG_RECV_NOWAIT | ODG_RECV_QUIET) ||
	    recv->eventfd < -1)
		return -EINVAL;
	return 0;
}

static int odg_post_one(struct odg_posting *p)
{
	struct odg_port *port = p->port;
	int ret;

	if (copy_from_user(&p->recv, p->urecv, sizeof(p->recv)))
		return -EFAULT;
	ret = odg_check_recv(&p->recv);
	if (ret)
		return ret;
	ret = odg_segs_import(&p->segs, u64_to_user_ptr(p->recv.segs),
			      p->recv.nr_segs);
	if (ret)
		return ret;

	p->eventfd = NULL;
	if (p->recv.eventfd >= 0) {
		p->eventfd = eventfd_ctx_fdget(p->recv.eventfd);
		if (IS_ERR(p->eventfd)) {
			ret = PTR_ERR(p->eventfd);
			goto out_segs;
		}
	}

	p->op = NULL;
	if (!(p->recv.flags & ODG_RECV_NOWAIT && p->recv.result)) {
		p->op = odg_port_get_op(port);
		ret = -EAGAIN;
		if (!p->op)
			goto out_eventfd;
		p->op->user_data = p->recv.user_data;
		p->op->quiet = p->recv.flags & ODG_RECV_QUIET;
	}

	ret = mutex_lock_killable(&p->binding->post_lock);
	if (!ret) {
		ret = odg_post_locked(p);
		mutex_unlock(&p->binding->post_lock);
	}

	if (p->op) {
		atomic_long_sub(p->op->buf.nr, &port->pinned);
		odg_buf_unpin(&p->op->buf, port->user);
		odg_port_put_op(port, p->op);
	}
out_eventfd:
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
	struct odg_posting p = {
		.port = port,
		.binding = binding,
		.tid = task_pid_vnr(current),
	};
	u32 i;
	int ret;

	for (i = 0; i < arg->count; i++) {
		p.urecv = &urecvs[i];
		ret = odg_post_one(&p);
		if (ret)
			return i ? i : ret;
		if (i % 64 == 63)
			cond_resched();
	}
	return i;
}

/**
 * odg_attach_receiver - attach to a socket that receives are to be posted to
 * @fd: its descriptor
 * @binding: out: its binding, with a reference for the caller
 *
 * Return: the socket, to be given back with sockfd_put(), or an ERR_PTR().
 */
struct socket *odg_attach_receiver(int fd, struct odg_binding **binding)
{
	struct socket *sock;
	int ret;

	sock = odg_udp_socket(fd);
	if (IS_ERR(sock))
		return sock;
	/* nothing can arrive yet */
	ret = -EINVAL;
	if (!READ_ONCE(inet_sk(sock->sk)->inet_num))
		goto err_put;
	*binding = odg_binding_attach(sock->sk);
	ret = PTR_ERR_OR_ZERO(*binding);
	if (ret)
		goto err_put;
	return sock;

err_put:
	sockfd_put(sock);
	return ERR_PTR(ret);
}

int odg_post(struct odg_port *port, const struct odg_post *arg)
{
	struct odg_binding *binding;
	struct socket *sock;
	int ret = -ESHUTDOWN;

	if (arg->flags || !arg->count || arg->count > ODG_MAX_POSTS)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;

	sock = odg_attach_receiver(arg->fd, &binding);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	if (!(READ_ONCE(sock->sk->sk_shutdown) & RCV_SHUTDOWN))
		ret = odg_post_all(port, binding, arg);
	odg_binding_put(binding);
	sockfd_put(sock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_post);
