// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ops of a port: made when posts need them, found by number, used over and over.
 *
 * They come in chunks, which stay where they are until the port goes: an op never
 * moves, and whoever found one by its id may look at it.  A port that posts in rings
 * alone has none.
 *
 * How many there can be: an op is free again with its entry, or, if it goes by way of
 * the reaper, a moment later: the CPU that completes it still has to put it on
 * port->done.  Each CPU can be at that point with one op.  The table grows only after
 * everything was reaped and while no other reaper has any, so when no op is free, each
 * has a promise of room in the queue, or a CPU is putting it on port->done: there are
 * at most as many as the queue ever had entries, CPUs, and what is in a chunk.
 *
 * Locks: port->reap_lock to add a chunk, port->lock for the free ones.  The chunks are
 * read with no lock at all.
 */
#include <kunit/visibility.h>
#include <linux/slab.h>

#include "op.h"
#include "optable.h"
#include "port.h"
#include "ring.h"

static void odg_port_push_free(struct odg_port *port, struct odg_op *op)
{
	lockdep_assert_held(&port->lock);

	op->next_free = port->free;
	port->free = op;
}

static struct odg_op *odg_port_pop_free(struct odg_port *port)
{
	struct odg_op *op = port->free;

	lockdep_assert_held(&port->lock);

	if (op)
		port->free = op->next_free;
	return op;
}

/* A new chunk: its first op is the caller's. */
static struct odg_op *odg_port_make_ops(struct odg_port *port)
{
	u32 chunk = port->op_chunks, i;
	struct odg_op *ops;
	int ret;

	lockdep_assert_held(&port->reap_lock);

	ops = kcalloc(ODG_OPS_AT_ONCE, sizeof(*ops), GFP_KERNEL_ACCOUNT);
	if (!ops)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < ODG_OPS_AT_ONCE; i++) {
		ops[i].port = port;
		ops[i].slot = chunk * ODG_OPS_AT_ONCE + i;
		ops[i].gen = 1;
	}
	ret = xa_insert(&port->ops, chunk, ops, GFP_KERNEL);
	if (ret) {
		kfree(ops);
		return ERR_PTR(ret);
	}
	port->op_chunks++;

	spin_lock_bh(&port->lock);
	while (--i > 0)
		odg_port_push_free(port, &ops[i]);
	spin_unlock_bh(&port->lock);
	return ops;
}

/* There is room, but no free op: reapers have them, or there are too few. */
static struct odg_op *odg_port_more_ops(struct odg_port *port)
{
	struct odg_op *op;

	mutex_lock(&port->reap_lock);
	odg_op_reap_locked(port);
	spin_lock_bh(&port->lock);
	op = odg_port_pop_free(port);
	spin_unlock_bh(&port->lock);
	if (!op)
		op = odg_port_make_ops(port);
	mutex_unlock(&port->reap_lock);
	return op;
}

/**
 * odg_port_get_op - get an op, and with it a promise of room for its completion
 * @port: a ready port
 *
 * Return: an op; -EAGAIN if the queue has no room for another one, or -ENOMEM.
 */
struct odg_op *odg_port_get_op(struct odg_port *port)
{
	struct odg_op *op = NULL;
	bool room;

	if (!llist_empty(&port->done))
		odg_op_reap(port);

	/* it may complete anywhere */
	odg_port_share(port);
	spin_lock_bh(&port->lock);
	room = odg_ring_reserve(&port->ring);
	if (room)
		op = odg_port_pop_free(port);
	spin_unlock_bh(&port->lock);
	if (!room)
		return ERR_PTR(-EAGAIN);
	if (!op)
		op = odg_port_more_ops(port);
	if (IS_ERR(op)) {
		spin_lock_bh(&port->lock);
		odg_ring_unreserve(&port->ring);
		spin_unlock_bh(&port->lock);
		return op;
	}

	odg_buf_init(&op->buf);
	op->pages = 0;
	op->tx = NULL;
	op->eventfd = NULL;
	op->signal_late = false;
	return op;
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_get_op);

/* The op comes to nothing: take its promise back. */
void odg_port_put_op(struct odg_port *port, struct odg_op *op)
{
	spin_lock_bh(&port->lock);
	odg_ring_unreserve(&port->ring);
	odg_port_push_free(port, op);
	spin_unlock_bh(&port->lock);
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_put_op);

/* The op is over: its completion used the promise up.  port->lock is held. */
void odg_port_push_op(struct odg_port *port, struct odg_op *op)
{
	port->pinned -= op->pages;
	op->gen++;
	odg_port_push_free(port, op);
}

void odg_port_free_op(struct odg_port *port, struct odg_op *op)
{
	spin_lock_bh(&port->lock);
	odg_port_push_op(port, op);
	spin_unlock_bh(&port->lock);
}

u64 odg_port_op_id(const struct odg_op *op)
{
	return (u64)READ_ONCE(op->gen) << 32 | op->slot;
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_op_id);

/* The op an id speaks of; whether it is the same use of it is op->gen's to say. */
struct odg_op *odg_port_find_op(struct odg_port *port, u64 id)
{
	u32 slot = lower_32_bits(id);
	struct odg_op *ops = xa_load(&port->ops, slot / ODG_OPS_AT_ONCE);

	return ops ? &ops[slot % ODG_OPS_AT_ONCE] : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(odg_port_find_op);

/* The port is going, and nobody looks for its ops any more. */
void odg_port_free_ops(struct odg_port *port)
{
	struct odg_op *ops;
	unsigned long chunk;

	xa_for_each(&port->ops, chunk, ops)
		kfree(ops);
	xa_destroy(&port->ops);
}
