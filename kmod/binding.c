// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binding: what turns a program's UDP socket into one that odgram serves.
 *
 * It hangs on sk_user_data and owns these hooks of the socket: the UDP
 * encapsulation hooks (a datagram or ICMP error came, the socket is closed),
 * sk_data_ready (a datagram was queued) and sk_destruct; once a send had to wait
 * for room, sk_write_space, too (sendq.c).
 *
 * Lifetime: from the first use of the socket to its close, or to ODG_UNBIND.  It
 * holds the module, not the socket: encap_destroy ends it at the last close.  A
 * program can take that hook away from us with setsockopt(UDP_ENCAP, 0), so
 * sk_destruct, which nothing in user space reaches, does the same for a binding
 * that is still there when the socket's memory goes.
 *
 * The end goes in phases:
 *
 *   1. encap_type and encap_err_lookup are cleared: the stack calls us for no new
 *      datagram or error
 *   2. the other hooks and sk_user_data are given back, the registry forgets it
 *   3. under binding->lock the door is closed (dead), FIFO and sends are aborted
 *   4. the attachment's reference goes; calls may hold others for a while
 *   5. after a grace period for softirqs that came in before (1), it is freed
 *
 * Holders: the socket (1-4), calls in progress, the work item of sends, and ports
 * that were last used to post to it (4), softirqs (5).  Ops do not count: phase 3
 * leaves none.  The work item never tries a send in phase 3: it holds the socket's
 * file then, and phase 1 has not come.
 *
 * Locks: lock_sock() and sk_callback_lock around the hooks; post_lock, a mutex,
 * makes posting order; binding->lock, with bottom halves off, covers the FIFO and
 * the counters and is the one lock of the receive path.  post_lock is outside
 * binding->lock, port->lock inside.
 */
#include <kunit/visibility.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "binding.h"
#include "compat.h"
#include "hist.h"
#include "icmp.h"
#include "op.h"
#include "port.h"
#include "recv.h"
#include "registry.h"
#include "rq.h"
#include "sendq.h"
#include "sockq.h"
#include "stats.h"
#include "trace.h"
#include "watch.h"

/* Not a UDP_ENCAP_* of the kernel; getsockopt(UDP_ENCAP) shows it. */
#define ODG_ENCAP_TYPE 0xda

static void odg_sk_destruct(struct sock *sk);

/*
 * Nothing but us sets this sk_destruct, so it tells whose sk_user_data it is.  That of a
 * socket which stays open is ours, then, to the end of the RCU section that asked.
 */
static bool odg_sk_is_ours(const struct sock *sk)
{
	/* pairs with the release in odg_binding_hook() */
	return smp_load_acquire(&sk->sk_destruct) == odg_sk_destruct;
}

/* For the end of the socket, when nobody can change it any more. */
static struct odg_binding *odg_sk_last_binding(struct sock *sk)
{
	if (!odg_sk_is_ours(sk))
		return NULL;
	return rcu_dereference_protected(__sk_user_data(sk), true);
}

static void odg_binding_free_rcu(struct rcu_head *rcu)
{
	struct odg_binding *binding = container_of(rcu, struct odg_binding,
						   rcu);

	consume_skb(binding->rest.skb);
	odg_watch_put(binding->watch);
	kfree(binding->hist);
	kfree(binding);
	/* odg_exit() waits for this callback to return */
	module_put(THIS_MODULE);
}

void odg_binding_put(struct odg_binding *binding)
{
	if (refcount_dec_and_test(&binding->ref))
		call_rcu(&binding->rcu, odg_binding_free_rcu);
}
EXPORT_SYMBOL_IF_KUNIT(odg_binding_put);

/*
 * The socket's binding, or NULL; RCU.  Asked in this order, since it is taken away in
 * that: what is there is ours.
 */
struct odg_binding *odg_binding_of(struct sock *sk)
{
	return odg_sk_is_ours(sk) ? rcu_dereference_sk_user_data(sk) : NULL;
}

/* The socket's binding with a reference, or NULL if it has none. */
struct odg_binding *odg_binding_get(struct sock *sk)
{
	struct odg_binding *binding;

	rcu_read_lock();
	binding = odg_binding_of(sk);
	if (binding && !refcount_inc_not_zero(&binding->ref))
		binding = NULL;
	rcu_read_unlock();
	return binding;
}

static void odg_abort_list(struct odg_binding *binding, struct list_head *list)
{
	unsigned int batch = 0;

	while (!list_empty(list)) {
		struct odg_op *op = list_first_entry(list, struct odg_op, node);
		struct odg_port *port = op->port;

		trace_odg_abort(port->id, op->user_data);
		odg_op_fail(op, -ECANCELED);
		odg_port_aborted(port);
		if (++batch % 64 == 0) {
			/* let softirqs in; dead keeps the list from growing */
			spin_unlock_bh(&binding->lock);
			spin_lock_bh(&binding->lock);
		}
	}
}

/* Phase 3: nothing is appended any more, what is posted is aborted. */
static void odg_binding_abort(struct odg_binding *binding)
{
	spin_lock_bh(&binding->lock);
	binding->dead = true;
	odg_rq_socket_gone(binding);
	odg_abort_list(binding, &binding->fifo);
	odg_abort_list(binding, &binding->sends);
	odg_totals_keep(binding);
	/* a port may hold the binding for long; a call, that keeps one yet, not */
	odg_rest_set(&binding->rest, NULL, 0);
	spin_unlock_bh(&binding->lock);
}

/* Phases 2 to 4. */
static void odg_binding_release(struct odg_binding *binding, struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_data_ready == odg_data_ready)
		WRITE_ONCE(sk->sk_data_ready, binding->saved_data_ready);
	odg_sendq_unhook(binding, sk);
	WRITE_ONCE(sk->sk_destruct, binding->saved_destruct);
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);

	odg_registry_forget(binding);
	odg_binding_abort(binding);
	odg_binding_put(binding);
}

/*
 * Phase 1.  Without a type the stack still offers errors to who looks them up; it reads
 * encap_err_rcv twice, so that has to stay for those on their way.
 */
static void odg_close_door(struct udp_sock *up)
{
	WRITE_ONCE(up->encap_type, 0);
	WRITE_ONCE(up->encap_err_lookup, NULL);
}

static void odg_encap_destroy(struct sock *sk)
{
	struct odg_binding *binding = odg_sk_last_binding(sk);

	odg_close_door(udp_sk(sk));
	if (binding)
		odg_binding_release(binding, sk);
}

/* The socket is being freed: nobody else has it.  May be softirq context. */
static void odg_sk_destruct(struct sock *sk)
{
	struct odg_binding *binding = odg_sk_last_binding(sk);
	void (*saved_destruct)(struct sock *sk) = binding->saved_destruct;

	odg_binding_release(binding, sk);
	saved_destruct(sk);
}

static struct odg_binding *odg_binding_alloc(struct sock *sk)
{
	struct odg_binding *binding = kzalloc(sizeof(*binding),
					      GFP_KERNEL_ACCOUNT);

	if (!binding)
		return NULL;

	binding->sk = sk;
	/* it may become one of IPv4 later, not the other way */
	if (sk->sk_family != AF_INET)
		binding->flags = ODG_BIND_IPV6;
	binding->inode = sock_i_ino(sk);
	/* one for the socket, one for the caller */
	refcount_set(&binding->ref, 2);
	mutex_init(&binding->post_lock);
	spin_lock_init(&binding->lock);
	INIT_LIST_HEAD(&binding->fifo);
	INIT_LIST_HEAD(&binding->sends);
	mutex_init(&binding->send_lock);
	mutex_init(&binding->hist_lock);
	INIT_WORK(&binding->send_work, odg_sendq_work);
	binding->drops_start = odg_sk_drops(sk);
	binding->drops_told = binding->drops_start;
	odg_events_init(binding);
	if (odg_registry_reserve(binding)) {
		kfree(binding);
		return NULL;
	}
	/* the caller's open file keeps the module until here */
	__module_get(THIS_MODULE);
	return binding;
}

/* Take the socket's hooks, unless somebody has them. */
static int odg_binding_hook(struct odg_binding *binding, struct sock *sk)
{
	struct udp_sock *up = udp_sk(sk);

	if (READ_ONCE(up->encap_type) || up->gro_receive)
		return -EBUSY;

	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data) {
		write_unlock_bh(&sk->sk_callback_lock);
		return -EBUSY;
	}
	rcu_assign_sk_user_data(sk, binding);
	binding->saved_data_ready = sk->sk_data_ready;
	binding->saved_destruct = sk->sk_destruct;
	WRITE_ONCE(sk->sk_data_ready, odg_data_ready);
	/* pairs with the acquire in odg_sk_is_ours() */
	smp_store_release(&sk->sk_destruct, odg_sk_destruct);
	write_unlock_bh(&sk->sk_callback_lock);

	/*
	 * By hand: setup_udp_tunnel_sock() would also clear IP_MULTICAST_LOOP of
	 * the program's socket.  encap_type last, it opens the door.
	 */
	WRITE_ONCE(up->encap_err_lookup, odg_encap_err_lookup);
	WRITE_ONCE(up->encap_err_rcv, odg_encap_err_rcv);
	WRITE_ONCE(up->encap_destroy, odg_encap_destroy);
	WRITE_ONCE(up->encap_rcv, odg_encap_rcv);
	atomic64_set(&binding->queued, odg_sockq_len(sk));
	/* orders the hooks before the type; the stack tests the type first */
	smp_wmb();
	WRITE_ONCE(up->encap_type, ODG_ENCAP_TYPE);
	udp_tunnel_encap_enable(sk);
	return 0;
}

/**
 * odg_binding_attach - the socket's binding, made if it has none
 * @sk: a UDP socket whose file the caller holds
 *
 * Return: the binding with a reference for the caller, or -EBUSY if the socket
 * belongs to another encapsulation, or -ENOMEM.
 */
struct odg_binding *odg_binding_attach(struct sock *sk)
{
	struct odg_binding *binding = odg_binding_get(sk);
	int ret;

	if (binding)
		goto out;

	binding = odg_binding_alloc(sk);
	if (!binding)
		return ERR_PTR(-ENOMEM);

	lock_sock(sk);
	ret = odg_binding_hook(binding, sk);
	/* under the lock, or ODG_UNBIND might be faster */
	if (!ret)
		odg_registry_publish(binding);
	release_sock(sk);
	if (!ret)
		return binding;

	/* never seen by anybody else */
	odg_registry_forget(binding);
	odg_binding_free_rcu(&binding->rcu);
	/* unless the hooks are ours: another thread was faster */
	binding = odg_binding_get(sk);
	if (!binding)
		return ERR_PTR(ret);
out:
	/* the program turned it into another encapsulation meanwhile */
	if (READ_ONCE(udp_sk(sk)->encap_type) != ODG_ENCAP_TYPE) {
		odg_binding_put(binding);
		return ERR_PTR(-EBUSY);
	}
	return binding;
}
EXPORT_SYMBOL_IF_KUNIT(odg_binding_attach);

/**
 * odg_binding_set - what ODG_BIND asks for, from now on
 * @binding: of @sk, the caller has a reference
 * @sk: a socket whose file the caller holds
 * @bind: flags and max_joined
 * @watch: of the port it is bound through, or NULL, and the one before remains
 *
 * To a socket with encap_rcv the stack gives nothing joined, so one that wants it does
 * without: all of its datagrams go the way of those that are passed on.
 */
void odg_binding_set(struct odg_binding *binding, struct sock *sk,
		     const struct odg_bind *bind, struct odg_watch *watch)
{
	struct odg_watch *old = odg_watch_get(watch);
	struct udp_sock *up = udp_sk(sk);

	lock_sock(sk);
	spin_lock_bh(&binding->lock);
	WRITE_ONCE(binding->flags,
		   bind->flags | (binding->flags & ~ODG_BIND_FLAGS));
	WRITE_ONCE(binding->max_joined, bind->max_joined);
	if (watch)
		swap(binding->watch, old);
	if (!odg_icmp_wanted(binding, binding->icmp_status))
		binding->icmp_status = 0;
	/* unless the program turned it into another encapsulation meanwhile */
	if (!binding->dead && READ_ONCE(up->encap_type) == ODG_ENCAP_TYPE)
		WRITE_ONCE(up->encap_rcv,
			   bind->max_joined ? NULL : odg_encap_rcv);
	spin_unlock_bh(&binding->lock);
	release_sock(sk);
	odg_watch_put(old);
}

/* Has nobody put hooks on top of ours?  The type may have been taken away. */
static bool odg_hooks_are_ours(const struct odg_binding *binding,
			       struct sock *sk)
{
	int type = READ_ONCE(udp_sk(sk)->encap_type);

	return (!type || type == ODG_ENCAP_TYPE) &&
	       sk->sk_data_ready == odg_data_ready &&
	       odg_sendq_is_hooked(binding, sk);
}

/**
 * odg_binding_detach_idle - give an idle socket back to plain UDP
 * @binding: of @sk, the caller has a reference
 * @sk: a socket whose file the caller holds
 *
 * Return: 0, -EBUSY if ops are posted or somebody put hooks on top of ours,
 * -ENOENT if another thread was faster.
 */
int odg_binding_detach_idle(struct odg_binding *binding, struct sock *sk)
{
	struct udp_sock *up = udp_sk(sk);
	int ret = 0;

	lock_sock(sk);
	if (!odg_sk_is_ours(sk)) {
		ret = -ENOENT;
		goto out;
	}
	if (!odg_hooks_are_ours(binding, sk)) {
		ret = -EBUSY;
		goto out;
	}

	spin_lock_bh(&binding->lock);
	if (binding->depth || binding->send_depth ||
	    rcu_access_pointer(binding->rq))
		ret = -EBUSY;
	else
		binding->dead = true;
	spin_unlock_bh(&binding->lock);
	if (ret)
		goto out;

	odg_close_door(up);
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, binding->saved_data_ready);
	odg_sendq_unhook(binding, sk);
	write_unlock_bh(&sk->sk_callback_lock);
	/* Whoever runs a hook of ours finds the binding until here. */
	synchronize_rcu();
	/* Leave none behind: the socket may outlive the module. */
	if (up->encap_rcv == odg_encap_rcv)
		WRITE_ONCE(up->encap_rcv, NULL);
	WRITE_ONCE(up->encap_err_rcv, NULL);
	WRITE_ONCE(up->encap_destroy, NULL);
	WRITE_ONCE(sk->sk_destruct, binding->saved_destruct);
	/* As does who asked odg_sk_is_ours(): then sk_user_data may be another's. */
	synchronize_rcu();
	odg_binding_release(binding, sk);
out:
	release_sock(sk);
	return ret;
}

/* Ring entries before this one were posted before the op. */
static u32 odg_rq_place(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);

	return rq ? rq->cons + odg_rq_posted(rq) : 0;
}

/**
 * odg_binding_append - post an op
 * @binding: where
 * @op: prepared, with its memory pinned
 *
 * Return: 0, and the op may have completed by now; -EAGAIN if a datagram is
 * waiting that has to be taken first; -EBADF if the socket is going away.
 */
int odg_binding_append(struct odg_binding *binding, struct odg_op *op)
{
	int ret = 0;

	lockdep_assert_held(&binding->post_lock);

	spin_lock_bh(&binding->lock);
	if (binding->dead) {
		ret = -EBADF;
	} else if (!odg_something_posted(binding) &&
		   odg_something_waits(binding)) {
		ret = -EAGAIN;
	} else {
		trace_odg_post(binding->id, op->port->id, op->user_data,
			       op->buf.bytes, true);
		odg_port_posted(op->port, op);
		op->rq_pos = odg_rq_place(binding);
		list_add_tail(&op->node, &binding->fifo);
		WRITE_ONCE(binding->depth, binding->depth + 1);
		odg_binding_forget_seen(binding);
		WRITE_ONCE(op->binding, binding);
		/* (N) pairs with the one in odg_data_ready() (M) */
		smp_mb();
		/*
		 * Behind entries of a ring that the kernel has not been told of; or a
		 * datagram was queued meanwhile by one who saw nothing posted.
		 */
		if (rcu_access_pointer(binding->rq) ||
		    !odg_sockq_empty(binding->sk))
			odg_drain(binding);
	}
	spin_unlock_bh(&binding->lock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_binding_append);
