// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends that wait for room in their socket.
 *
 * They stand in binding->sends under binding->lock, as posted receives stand in the
 * FIFO, and end in the same way (op.c).  A work item sends them from the front, with
 * their posters' credentials, since sendmsg may sleep and asks the LSM about current.
 * sk_write_space starts it; it is hooked by the work item when a socket first has
 * such a send, and until the binding ends: taking the hook away while it is not
 * needed would lose the wake-up of a CPU that has just read the old one.
 *
 * The bytes are copied, not pinned.  A datagram is at most 64 KiB and a socket with
 * no room is the rare case; the copy costs less than pinning a page and unpinning
 * it, the program has its memory back at once, and cannot change what was checked.
 *
 * While the work item tries the first one (binding->sending) it stays in the list,
 * so that nothing overtakes it, and is the work item's: a cancel waits for
 * binding->send_lock, which is held over each try, and looks again.
 *
 * Lifetime: a work item that is queued holds the sock and the binding.  It takes the
 * socket's file while it runs, if that is not being closed, so that the end of a
 * binding (binding.c) never meets a send that is being tried.
 *
 * Locks: send_lock, then binding->lock; sk_callback_lock, then binding->lock.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "binding.h"
#include "compat.h"
#include "icmp.h"
#include "main.h"
#include "op.h"
#include "port.h"
#include "recv.h"
#include "sendq.h"

/**
 * odg_tx_copy - copy a datagram in that has to wait
 * @port: whose user is charged for it
 * @dest: how it is to be sent
 * @segs: its bytes, in the memory of current
 *
 * Return: the copy, -ENOMEM or -EFAULT.
 */
struct odg_tx *odg_tx_copy(struct odg_port *port, const struct odg_dest *dest,
			   const struct odg_segs *segs)
{
	/* the payload begins where the control messages end */
	size_t size = struct_size_t(struct odg_tx, bytes,
				    dest->controllen + segs->bytes);
	u32 pages = DIV_ROUND_UP(size, PAGE_SIZE);
	struct odg_tx *tx;
	struct iov_iter iter;
	int ret;

	ret = odg_charge_pages(port->user, pages);
	if (ret)
		return ERR_PTR(ret);
	tx = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!tx) {
		odg_uncharge_pages(port->user, pages);
		return ERR_PTR(-ENOMEM);
	}
	tx->pages = pages;
	tx->cred = get_current_cred();
	tx->len = segs->bytes;
	tx->dest = *dest;
	if (dest->namelen) {
		memcpy(&tx->name, dest->name, dest->namelen);
		tx->dest.name = &tx->name;
	}
	if (dest->controllen) {
		memcpy(tx->bytes, dest->control, dest->controllen);
		tx->dest.control = tx->bytes;
	}
	iov_iter_init(&iter, ITER_SOURCE, segs->iov, segs->nr, segs->bytes);
	if (!copy_from_iter_full(tx->bytes + dest->controllen, segs->bytes,
				 &iter)) {
		odg_tx_free(port, tx);
		return ERR_PTR(-EFAULT);
	}
	return tx;
}

/* May sleep; NULL is allowed. */
void odg_tx_free(struct odg_port *port, struct odg_tx *tx)
{
	if (!tx)
		return;
	odg_uncharge_pages(port->user, tx->pages);
	put_cred(tx->cred);
	kvfree(tx);
}

/* An error that waits on the socket would fail the send: it is a receive's. */
static void odg_put_error_aside(struct odg_binding *binding)
{
	int status = sock_error(binding->sk);

	if (status && odg_icmp_wanted(binding, status))
		odg_keep_error(binding, status);
}

/* A send has ended: @ret bytes were sent, or why not. */
void odg_send_count(struct odg_binding *binding, int ret)
{
	if (ret < 0) {
		atomic64_inc(&binding->send_failed);
		return;
	}
	atomic64_inc(&binding->sent);
	atomic64_add(ret, &binding->sent_bytes);
}

/**
 * odg_send_now - send a datagram if the socket has room
 * @binding: the socket's
 * @sock: the socket, whose file the caller holds
 * @dest: how to send it
 * @iter: its bytes; left as it is
 *
 * Return: bytes sent; -EAGAIN if there is no room, and sk_write_space will tell of
 * some; or another error.
 */
int odg_send_now(struct odg_binding *binding, struct socket *sock,
		 const struct odg_dest *dest, const struct iov_iter *iter)
{
	/* at the very end a CPU that frees the last one still counts a byte */
	bool in_flight = sk_wmem_alloc_get(sock->sk) >= SKB_TRUESIZE(1);
	bool again = false;
	int ret;

	do {
		struct msghdr msg = {
			.msg_name = dest->name,
			.msg_namelen = dest->namelen,
			.msg_control = dest->control,
			.msg_controllen = dest->controllen,
			.msg_flags = dest->flags | MSG_DONTWAIT | MSG_NOSIGNAL,
			.msg_iter = *iter,
		};

		odg_put_error_aside(binding);
		ret = sock_sendmsg(sock, &msg);
		/* another one may have come just now; a failed try sent nothing */
		again = !again && ret < 0 && ret != -EAGAIN;
	} while (again);

	/* fragments that found no room for all of them */
	if (ret == -ENOBUFS && in_flight)
		ret = -EAGAIN;
	return ret;
}

/* Have the work item look.  Any context; the caller is an RCU reader. */
static void odg_sendq_kick(struct odg_binding *binding)
{
	struct sock *sk = binding->sk;

	/* a sock on its way out takes its sends with it */
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return;
	if (refcount_inc_not_zero(&binding->ref)) {
		if (queue_work(odg_wq, &binding->send_work))
			return;
		odg_binding_put(binding);
	}
	sock_put(sk);
}

/* sk_write_space: a datagram has left the socket. */
static void odg_write_space(struct sock *sk)
{
	struct odg_binding *binding;

	rcu_read_lock();
	binding = odg_binding_of(sk);
	/* none: it was closed, or unbound, while we were on the way */
	if (binding) {
		/*
		 * Pairs with queue_work() in odg_sendq_append(), and with the
		 * release in odg_sendq_hook(): either the work item that it starts
		 * sees the room, or we see the send.
		 */
		smp_mb();
		binding->saved_write_space(sk);
		/* as poll(2): not for each one, but when half is free */
		if (READ_ONCE(binding->send_depth) && sock_writeable(sk))
			odg_sendq_kick(binding);
	}
	rcu_read_unlock();
}

/* The work item is the only one who hooks. */
static void odg_sendq_hook(struct odg_binding *binding)
{
	struct sock *sk = binding->sk;
	bool fresh;

	write_lock_bh(&sk->sk_callback_lock);
	spin_lock(&binding->lock);
	/* while something pends the binding cannot end: see the file */
	fresh = binding->send_depth && !binding->saved_write_space;
	if (fresh) {
		binding->saved_write_space = sk->sk_write_space;
		/* pairs with the barrier in odg_write_space() */
		smp_store_release(&sk->sk_write_space, odg_write_space);
	}
	spin_unlock(&binding->lock);
	write_unlock_bh(&sk->sk_callback_lock);

	/* who has read the old one makes room that the first try will find */
	if (fresh)
		synchronize_rcu();
}

/* Is the hook ours, or was there never one? */
bool odg_sendq_is_hooked(const struct odg_binding *binding, struct sock *sk)
{
	return !binding->saved_write_space ||
	       sk->sk_write_space == odg_write_space;
}

/* sk_callback_lock is held. */
void odg_sendq_unhook(struct odg_binding *binding, struct sock *sk)
{
	if (sk->sk_write_space == odg_write_space)
		WRITE_ONCE(sk->sk_write_space, binding->saved_write_space);
}

/* The first send that waits, marked as being tried, or NULL. */
static struct odg_op *odg_sendq_begin(struct odg_binding *binding)
{
	struct odg_op *op;

	spin_lock_bh(&binding->lock);
	op = list_first_entry_or_null(&binding->sends, struct odg_op, node);
	binding->sending = op;
	spin_unlock_bh(&binding->lock);
	return op;
}

static void odg_sendq_end(struct odg_binding *binding, struct odg_op *op,
			  int ret)
{
	struct odg_cqe_wide cqe = {
		.cqe.status = min(ret, 0),
		.cqe.flags = ODG_CQE_SEND,
		.cqe.len = max(ret, 0),
		.cqe.full_len = max(ret, 0),
	};

	spin_lock_bh(&binding->lock);
	binding->sending = NULL;
	if (ret != -EAGAIN) {
		odg_send_count(binding, ret);
		odg_op_complete(op, &cqe);
	}
	spin_unlock_bh(&binding->lock);
}

/* Try the first send that waits.  False if none does, or there is no room. */
static bool odg_sendq_try(struct odg_binding *binding, struct socket *sock)
{
	const struct cred *old;
	struct iov_iter iter;
	struct odg_op *op;
	struct odg_tx *tx;
	struct kvec vec;
	int ret = -EAGAIN;

	mutex_lock(&binding->send_lock);
	op = odg_sendq_begin(binding);
	if (op) {
		tx = op->tx;
		vec.iov_base = tx->bytes + tx->dest.controllen;
		vec.iov_len = tx->len;
		iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, tx->len);
		old = override_creds(tx->cred);
		ret = odg_send_now(binding, sock, &tx->dest, &iter);
		revert_creds(old);
		odg_sendq_end(binding, op, ret);
	}
	mutex_unlock(&binding->send_lock);
	return ret != -EAGAIN;
}

/* The socket's file with a reference, unless the last descriptor is closed. */
static struct file *odg_sk_file(struct sock *sk)
{
	struct file *file = NULL;

	/* with it, sk_socket is NULL or not yet released */
	read_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_socket && sk->sk_socket->file)
		file = odg_file_tryget(&sk->sk_socket->file);
	read_unlock_bh(&sk->sk_callback_lock);
	return file;
}

void odg_sendq_work(struct work_struct *work)
{
	struct odg_binding *binding = container_of(work, struct odg_binding,
						   send_work);
	struct sock *sk = binding->sk;
	struct file *file = odg_sk_file(sk);

	if (file) {
		odg_sendq_hook(binding);
		while (odg_sendq_try(binding, sock_from_file(file)))
			cond_resched();
		fput(file);
	}
	sock_put(sk);
	odg_binding_put(binding);
}

/* Wait until the send that is being tried now has ended, or waits on. */
void odg_sendq_wait(struct odg_binding *binding)
{
	mutex_lock(&binding->send_lock);
	mutex_unlock(&binding->send_lock);
}

/**
 * odg_sendq_append - make a send wait
 * @binding: where
 * @op: prepared, with op->tx
 *
 * Return: 0, and the op may have completed by now; -EBADF if the socket is going
 * away.
 */
int odg_sendq_append(struct odg_binding *binding, struct odg_op *op)
{
	int ret = 0;

	rcu_read_lock();
	spin_lock_bh(&binding->lock);
	if (binding->dead) {
		ret = -EBADF;
	} else {
		odg_port_posted(op->port, op);
		list_add_tail(&op->node, &binding->sends);
		WRITE_ONCE(binding->send_depth, binding->send_depth + 1);
		atomic64_inc(&binding->send_pended);
		WRITE_ONCE(op->binding, binding);
	}
	spin_unlock_bh(&binding->lock);
	/* there may be room by now */
	if (!ret)
		odg_sendq_kick(binding);
	rcu_read_unlock();
	return ret;
}
