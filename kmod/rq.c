// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request queue, from its creation to its end: receives a program posts by storing
 * them in shared memory.  How they are taken from there is rq_take.c's.
 *
 * Lifetime: from ODG_RQ_CREATE to the end of the socket or of the port, or to
 * ODG_RQ_SWITCH.  The socket, or that call, takes it out of the binding and hands it to
 * port->dead_rqs; the memory goes with the next ODG_RQ_CREATE or with the port, in
 * process context and after a grace period.  A spare one, which no softirq has seen,
 * goes at once.  The program's mapping may hold the memory longer (shm.c).
 *
 * Locks: port->create_lock for what is created and switched; binding->lock, inside, for
 * the binding's queue and its entries.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/slab.h>

#include "binding.h"
#include "compat.h"
#include "port.h"
#include "recv.h"
#include "rq.h"
#include "rq_pages.h"
#include "shm.h"
#include "trace.h"
#include "udpsock.h"
#include "wait.h"

static size_t odg_rq_bytes(u32 entries)
{
	return PAGE_ALIGN(struct_size_t(struct odg_rq_shared, rqes, entries));
}

/* No more is looked at than what was posted before the program could see this. */
static void odg_rq_set_closed(struct odg_rq *rq)
{
	WRITE_ONCE(rq->shared->flags, ODG_RQ_CLOSED);
	/* (H) pairs with (G), as where a kick is asked for (rq_take.c) */
	smp_mb();
}

static void odg_rq_free(struct odg_rq *rq)
{
	odg_shm_put(rq->shm);
	kfree(rq->pages);
	kfree(rq);
}

/*
 * Forget the queues whose sockets are gone.  Their works are not waited for under
 * create_lock: they have to do with the memory map, whose lock is outside that.
 */
static void odg_rq_reap(struct odg_port *port)
{
	struct llist_node *list = llist_del_all(&port->dead_rqs);
	struct odg_rq *rq, *next;

	if (!list)
		return;
	synchronize_rcu();
	llist_for_each_entry_safe(rq, next, list, dead) {
		mutex_lock(&port->create_lock);
		xa_erase(&port->rqs, rq->id);
		mutex_unlock(&port->create_lock);
		cancel_delayed_work_sync(&rq->work);
		odg_rq_free(rq);
	}
}

/* The binding's queue from now on, or NULL.  binding->lock is held. */
static void odg_rq_set(struct odg_binding *binding, struct odg_rq *rq)
{
	struct odg_rq *old = odg_binding_rq(binding);

	if (!rq)
		odg_port_unset_sole(old->port, binding);
	else if (!old)
		odg_port_set_sole(rq->port, binding);
	rcu_assign_pointer(binding->rq, rq);
	odg_binding_set_own(binding, ODG_BIND_WIDE,
			    rq && odg_port_is_wide(rq->port));
	odg_binding_forget_seen(binding);
}

static int odg_rq_install(struct odg_port *port, struct odg_rq *rq,
			  struct odg_binding *binding)
{
	int ret;

	/* reserved, not stored: nobody can map what is not there yet */
	ret = xa_alloc(&port->rqs, &rq->id, NULL, xa_limit_31b, GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -ENOSPC : ret;
	/* of two rings, none is the only one */
	if (rcu_access_pointer(port->sole))
		odg_port_share(port);

	spin_lock_bh(&binding->lock);
	if (binding->dead) {
		ret = -EBADF;
	} else if (binding->rq) {
		ret = -EEXIST;
	} else {
		rq->binding = binding;
		odg_rq_set(binding, rq);
		/* (N) pairs with the one in odg_data_ready() (M) */
		smp_mb();
		/* datagrams that wait already: the program has to kick */
		odg_drain(binding);
	}
	spin_unlock_bh(&binding->lock);
	if (ret) {
		xa_erase(&port->rqs, rq->id);
		return ret;
	}
	xa_store(&port->rqs, rq->id, rq, GFP_KERNEL);
	odg_wait_set_source(port, binding);
	return 0;
}

/* It is no socket's yet, and takes the place of the last such. */
static int odg_rq_keep_spare(struct odg_port *port, struct odg_rq *rq)
{
	struct odg_rq *old = port->spare_rq;
	int ret;

	ret = xa_alloc(&port->rqs, &rq->id, rq, xa_limit_31b, GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -ENOSPC : ret;
	port->spare_rq = rq;
	if (old) {
		xa_erase(&port->rqs, old->id);
		odg_rq_free(old);
	}
	return 0;
}

static int odg_rq_create_for(struct odg_port *port, struct odg_rq_create *arg,
			     struct odg_binding *binding)
{
	u32 entries = roundup_pow_of_two(arg->entries);
	struct odg_rq *rq;
	int ret;

	rq = kzalloc(sizeof(*rq), GFP_KERNEL_ACCOUNT);
	if (!rq)
		return -ENOMEM;
	rq->shm = odg_shm_new(port->user, odg_rq_bytes(entries));
	if (IS_ERR(rq->shm)) {
		ret = PTR_ERR(rq->shm);
		kfree(rq);
		return ret;
	}
	rq->port = port;
	rq->shared = rq->shm->start;
	rq->mask = entries - 1;
	INIT_DELAYED_WORK(&rq->work, odg_rq_work);
	if (arg->flags & ODG_RQ_ADDRESSES) {
		rq->pages = kzalloc(sizeof(*rq->pages), GFP_KERNEL_ACCOUNT);
		if (!rq->pages) {
			odg_rq_free(rq);
			return -ENOMEM;
		}
	}
	ret = arg->flags & ODG_RQ_SPARE ? odg_rq_keep_spare(port, rq) :
					  odg_rq_install(port, rq, binding);
	if (ret) {
		odg_rq_free(rq);
		return ret;
	}

	arg->entries = entries;
	arg->mmap_offset = ((u64)rq->id + 1) << 32;
	arg->mmap_size = odg_rq_bytes(entries);
	arg->off_prod = offsetof(struct odg_rq_shared, prod);
	arg->off_cons = offsetof(struct odg_rq_shared, cons);
	arg->off_flags = offsetof(struct odg_rq_shared, flags);
	arg->off_entries = offsetof(struct odg_rq_shared, rqes);
	return 0;
}

int odg_rq_create(struct odg_port *port, struct odg_rq_create *arg)
{
	struct odg_binding *binding;
	struct socket *sock;
	int ret;

	if (arg->flags & ~(ODG_RQ_SPARE | ODG_RQ_ADDRESSES) || !arg->entries ||
	    arg->entries > ODG_MAX_RQ_ENTRIES)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;

	sock = odg_attach_receiver(arg->fd, &binding);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	odg_rq_reap(port);
	/* takes locks that are outside create_lock, as that of the memory map */
	ret = arg->flags & ODG_RQ_ADDRESSES ? odg_rq_allow_addresses(port) : 0;
	if (!ret) {
		mutex_lock(&port->create_lock);
		ret = odg_rq_create_for(port, arg, binding);
		mutex_unlock(&port->create_lock);
	}
	odg_binding_put(binding);
	sockfd_put(sock);
	return ret;
}

/*
 * What is posted, up to @prod, to where it belongs in another queue.  Without the lock:
 * it is the program's, which changes nothing meanwhile, and judged when it is taken.
 */
static void odg_rq_copy_posted(struct odg_rq *to, const struct odg_rq *from,
			       u32 cons, u32 prod)
{
	for (; cons != prod; cons++)
		to->shared->rqes[cons & to->mask] =
			from->shared->rqes[cons & from->mask];
}

/*
 * The binding's queue, if it is this port's; binding->lock is held.  It stays so as long
 * as the caller has port->create_lock and the socket's file.
 */
static struct odg_rq *odg_rq_of_port(struct odg_binding *binding,
				     const struct odg_port *port)
{
	struct odg_rq *rq = odg_binding_rq(binding);

	return rq && rq->port == port ? rq : NULL;
}

static int odg_rq_switch_to(struct odg_rq *new, struct odg_rq *old,
			    struct odg_binding *binding)
{
	u32 cons = READ_ONCE(old->cons);
	/* (F) as for every take */
	u32 seen = smp_load_acquire(&old->shared->prod);
	/* one that is not believed has posted nothing */
	u32 prod = seen - cons <= old->mask + 1 ? seen : cons;
	int ret = 0;

	/* the program of one for addresses alone may post addresses in it */
	if (prod - cons > new->mask + 1 || !new->pages != !old->pages)
		return -EINVAL;
	odg_rq_copy_posted(new, old, cons, prod);

	spin_lock_bh(&binding->lock);
	if (READ_ONCE(old->shared->prod) != seen) {
		ret = -EAGAIN;
	} else {
		new->cons = old->cons;
		new->used = old->used;
		new->shared->cons = old->cons;
		new->shared->prod = prod;
		new->binding = binding;
		odg_rq_set(binding, new);
		odg_rq_set_closed(old);
		WRITE_ONCE(old->binding, NULL);
		llist_add(&old->dead, &old->port->dead_rqs);
		/* what waits: the program finds in the new one that it has to kick */
		odg_drain(binding);
	}
	spin_unlock_bh(&binding->lock);
	return ret;
}

int odg_rq_switch(struct odg_port *port, const struct odg_rq_switch *arg)
{
	struct odg_binding *binding;
	struct socket *sock;
	struct odg_rq *old;
	int ret = -ENOENT;

	sock = odg_bound_socket(arg->fd, &binding);
	if (IS_ERR(sock))
		return PTR_ERR(sock);

	mutex_lock(&port->create_lock);
	spin_lock_bh(&binding->lock);
	old = odg_rq_of_port(binding, port);
	spin_unlock_bh(&binding->lock);
	if (old && port->spare_rq) {
		ret = odg_rq_switch_to(port->spare_rq, old, binding);
		if (!ret)
			port->spare_rq = NULL;
	}
	mutex_unlock(&port->create_lock);
	odg_binding_put(binding);
	sockfd_put(sock);
	return ret;
}

int odg_rq_cancel(struct odg_port *port, const struct odg_rq_cancel *arg)
{
	struct odg_binding *binding;
	struct socket *sock;
	struct odg_rq *rq;
	int ret = -ENOENT;

	if (arg->__reserved)
		return -EINVAL;
	sock = odg_bound_socket(arg->fd, &binding);
	if (IS_ERR(sock))
		return PTR_ERR(sock);

	/* or a switch might copy the entry before it is marked */
	mutex_lock(&port->create_lock);
	spin_lock_bh(&binding->lock);
	rq = odg_rq_of_port(binding, port);
	if (rq)
		ret = odg_rq_cancel_at(rq, arg->index, arg->user_data);
	spin_unlock_bh(&binding->lock);
	mutex_unlock(&port->create_lock);
	odg_binding_put(binding);
	sockfd_put(sock);
	return ret;
}

/*
 * One for addresses is for the process alone whose they are: who can write there, can
 * have datagrams written anywhere in its memory.
 */
int odg_rq_mmap(struct odg_port *port, struct vm_area_struct *vma)
{
	unsigned long id = (vma->vm_pgoff >> (32 - PAGE_SHIFT)) - 1;
	struct odg_rq *rq;
	int ret = -EINVAL;

	if (vma->vm_pgoff & ((1UL << (32 - PAGE_SHIFT)) - 1))
		return -EINVAL;

	/* the lock keeps it from being reaped */
	mutex_lock(&port->create_lock);
	rq = xa_load(&port->rqs, id);
	if (rq && rq->pages && !odg_pincache_serves_us(&port->pins))
		ret = -EPERM;
	else if (rq)
		ret = odg_shm_mmap(rq->shm, vma);
	if (!ret && rq->pages)
		odg_vm_flags_set(vma, VM_DONTCOPY);
	mutex_unlock(&port->create_lock);
	return ret;
}

/* The port is going: neither a datagram nor a work may find its queues any more. */
void odg_rq_port_gone(struct odg_port *port)
{
	struct odg_binding *binding;
	struct odg_rq *rq;
	unsigned long id;

	xa_for_each(&port->rqs, id, rq) {
		rcu_read_lock();
		binding = READ_ONCE(rq->binding);
		if (binding) {
			spin_lock_bh(&binding->lock);
			if (rq->binding) {
				WRITE_ONCE(rq->binding, NULL);
				odg_rq_set(binding, NULL);
			}
			spin_unlock_bh(&binding->lock);
		}
		rcu_read_unlock();
		cancel_delayed_work_sync(&rq->work);
	}
	synchronize_rcu();
	xa_for_each(&port->rqs, id, rq)
		odg_rq_free(rq);
	xa_destroy(&port->rqs);
	if (port->rq_wq)
		destroy_workqueue(port->rq_wq);
}

/*
 * The socket is going: what the ring still holds is aborted.  The lock is held, and let
 * go of for a moment, in which the port may take its ring; dead keeps others out.
 */
void odg_rq_socket_gone(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);
	unsigned int batch = 0;
	struct odg_port *port;
	u32 end;

	if (!rq)
		return;

	port = rq->port;
	odg_rq_set_closed(rq);
	/* what comes later was posted by who could see that */
	end = rq->cons + odg_rq_posted(rq);
	/* a datagram on its way may take some meanwhile */
	while ((s32)(end - rq->cons) > 0) {
		struct odg_target target;

		if (++batch % 64 == 0) {
			spin_unlock_bh(&binding->lock);
			spin_lock_bh(&binding->lock);
			if (odg_binding_rq(binding) != rq)
				return;
			continue;
		}

		if (odg_rq_skip_dead(rq, end - rq->cons))
			continue;
		if (!odg_port_reserve(port))
			break;
		odg_rq_read(rq, end - rq->cons, &target);
		trace_odg_abort(port->id, target.user_data);
		odg_rq_fail(&target, -ECANCELED);
		odg_port_aborted(port);
	}
	odg_rq_set(binding, NULL);
	WRITE_ONCE(rq->binding, NULL);
	llist_add(&rq->dead, &port->dead_rqs);
}
