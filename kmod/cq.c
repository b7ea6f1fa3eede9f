// SPDX-License-Identifier: GPL-2.0-only
/*
 * The completion queue of a port: made once, and replaced by a larger or smaller one.
 *
 * It is replaced in two steps, so that nothing can fail once it is: the program makes
 * a spare queue and maps it, and then switches.  All that completes looks at port->ring
 * under the lock that odg_port_lock_ring() takes, so the switch is a change under that
 * one: completions before it are in the old queue and were copied, those after it are
 * in the new one.
 *
 * Lifetime: from its creation to the switch that replaces it, or to the end of the
 * port; a spare one gives way to the next.  The program's mapping may hold the memory
 * longer (shm.c).  Who reads or counts there without
 * the lock, a waiter that spins (wait.c) and an ICMP error (watch.c), is an RCU reader;
 * mmap(2) comes here and takes port->create_lock; and the count of changes is told
 * elsewhere before it goes.
 *
 * Locks: port->create_lock for all that is created and switched, the ring's inside.
 */
#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/odgram.h>
#include <linux/sched.h>

#include "cq.h"
#include "pincache.h"
#include "port.h"
#include "ring.h"
#include "shm.h"
#include "watch.h"

/* Completions that are copied with the lock held, at most. */
#define ODG_COPY_LOCKED 64

/* Charged to the port's user. */
static struct odg_shm *odg_cq_alloc(struct odg_port *port, struct odg_ring *ring,
				    u32 entries, u32 cqe_size)
{
	struct odg_shm *shm = odg_shm_new(port->user,
					  odg_ring_bytes(entries, cqe_size));

	if (!IS_ERR(shm))
		odg_ring_init(ring, shm->start, entries, cqe_size);
	return shm;
}

static int odg_cq_create_first(struct odg_port *port, u32 entries, u32 flags)
{
	u32 cqe_size = flags & ODG_CQ_WIDE ? sizeof(struct odg_cqe_wide) :
					     sizeof(struct odg_cqe);
	struct odg_shm *shm;

	if (port->ready)
		return -EEXIST;
	shm = odg_cq_alloc(port, &port->ring, entries, cqe_size);
	if (IS_ERR(shm))
		return PTR_ERR(shm);
	if (flags & ODG_CQ_WATCH) {
		port->watch = odg_watch_new(&port->ring.shared->errors);
		if (!port->watch) {
			odg_shm_put(shm);
			return -ENOMEM;
		}
	}
	port->ring_shm = shm;
	odg_pincache_init(&port->pins, port->user, entries);
	/* pairs with the acquire in odg_port_ready() */
	smp_store_release(&port->ready, true);
	return 0;
}

static void odg_cq_drop_spare(struct odg_port *port)
{
	if (port->spare_shm)
		odg_shm_put(port->spare_shm);
	port->spare_shm = NULL;
}

static int odg_cq_create_spare(struct odg_port *port, u32 entries)
{
	struct odg_ring spare;
	struct odg_shm *shm;

	if (!port->ready)
		return -ENXIO;
	shm = odg_cq_alloc(port, &spare, entries,
			   odg_ring_entry_size(&port->ring));
	if (IS_ERR(shm))
		return PTR_ERR(shm);
	odg_cq_drop_spare(port);
	port->spare = spare;
	port->spare_shm = shm;
	return 0;
}

/* The port is going, and nobody looks at its queue any more. */
void odg_cq_free(struct odg_port *port)
{
	odg_cq_drop_spare(port);
	odg_shm_put(port->ring_shm);
}

/* Opening takes the lock of the memory map, under which mmap(2) takes create_lock. */
static void odg_cq_watch(struct odg_port *port)
{
	if (!odg_pincache_watch(&port->pins))
		return;
	mutex_lock(&port->create_lock);
	odg_pincache_tell(&port->pins, &port->ring.shared->changes);
	mutex_unlock(&port->create_lock);
}

int odg_cq_create(struct odg_port *port, struct odg_cq_create *arg)
{
	bool is_spare = arg->flags == ODG_CQ_SPARE;
	u32 entries;
	int ret;

	if (!is_spare && arg->flags & ~(ODG_CQ_WIDE | ODG_CQ_WATCH))
		return -EINVAL;
	if (!arg->entries || arg->entries > ODG_MAX_CQ_ENTRIES)
		return -EINVAL;
	entries = roundup_pow_of_two(arg->entries);

	mutex_lock(&port->create_lock);
	if (is_spare)
		ret = odg_cq_create_spare(port, entries);
	else
		ret = odg_cq_create_first(port, entries, arg->flags);
	if (!ret) {
		arg->entries = entries;
		arg->cqe_size = odg_ring_entry_size(&port->ring);
		arg->mmap_size = odg_ring_bytes(entries, arg->cqe_size);
	}
	mutex_unlock(&port->create_lock);
	if (!ret && arg->flags & ODG_CQ_WATCH)
		odg_cq_watch(port);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_cq_create);

/*
 * Go on in the spare queue, which is the old one then.
 *
 * What is unread is copied without the lock as far as possible: only the program
 * writes there, and it changes nothing but what it reads itself.  What completes
 * meanwhile is copied in the next round; that takes a small part of the time in which
 * it came, so soon there is little left.
 */
static int odg_cq_go_on_in_spare(struct odg_port *port)
{
	struct odg_ring *ring = &port->ring;
	struct odg_binding *sole;
	u64 copied, prod;
	int ret;

	sole = odg_port_lock_ring(port);
	copied = ring->prod - odg_ring_unread(ring);
	while ((prod = ring->prod) - copied > ODG_COPY_LOCKED) {
		odg_port_unlock_ring(port, sole);
		odg_ring_copy(&port->spare, ring, copied, prod);
		copied = prod;
		cond_resched();
		sole = odg_port_lock_ring(port);
	}
	ret = odg_ring_move(ring, &port->spare, copied);
	odg_port_unlock_ring(port, sole);
	return ret;
}

/* The old queue is the spare one, and nothing completes there any more. */
static void odg_cq_leave_old(struct odg_port *port)
{
	struct odg_ring_shared *shared = port->ring.shared;

	if (odg_pincache_tells(&port->pins))
		odg_pincache_tell(&port->pins, &shared->changes);
	if (port->watch)
		odg_watch_aim(port->watch, &shared->errors);
	/* one may wait for more than a smaller one holds */
	wake_up_all(&port->wait);
	synchronize_rcu();
	if (port->watch)
		atomic64_add(atomic64_read(&port->spare.shared->errors),
			     &shared->errors);
	swap(port->ring_shm, port->spare_shm);
	odg_cq_drop_spare(port);
}

static int odg_cq_switch_locked(struct odg_port *port)
{
	int ret;

	if (!port->spare_shm)
		return -ENOENT;
	ret = odg_cq_go_on_in_spare(port);
	if (!ret)
		odg_cq_leave_old(port);
	return ret;
}

int odg_cq_switch(struct odg_port *port, const struct odg_cq_switch *arg)
{
	int ret;

	if (arg->__reserved)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;
	mutex_lock(&port->create_lock);
	ret = odg_cq_switch_locked(port);
	mutex_unlock(&port->create_lock);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(odg_cq_switch);

int odg_cq_mmap(struct odg_port *port, struct vm_area_struct *vma)
{
	bool is_spare = vma->vm_pgoff == ODG_MMAP_CQ_SPARE >> PAGE_SHIFT;
	struct odg_shm *shm;
	int ret = -EINVAL;

	mutex_lock(&port->create_lock);
	shm = is_spare ? port->spare_shm : port->ring_shm;
	if (shm)
		ret = odg_shm_mmap(shm, vma);
	mutex_unlock(&port->create_lock);
	return ret;
}
