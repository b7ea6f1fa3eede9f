// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries of a request queue: looked at, read, taken, and cancelled.
 *
 * The protocol and its barriers stand in the uapi header; (F) is in rq.h, (H) here and
 * where the queue is closed (rq.c).  All of this is under binding->lock, like the FIFO
 * whose place in the order the ring shares.  An entry is copied once and judged by the
 * copy.
 *
 * A receive that was cancelled is marked in the shared entry, and stepped over when its
 * turn comes: a program that takes the mark away has posted it again.
 */
#include "binding.h"
#include "port.h"
#include "region.h"
#include "rq.h"
#include "rq_pages.h"
#include "trace.h"

/* Bad entries that one datagram may meet before it goes to the queue instead. */
#define ODG_BAD_ENTRIES_AT_ONCE 64

/* Dead ones, about, that count as one of them. */
#define ODG_DEAD_AT_ONCE 64

void odg_rq_set_need_kick(struct odg_rq *rq, bool need)
{
	WRITE_ONCE(rq->shared->flags, need ? ODG_RQ_NEED_KICK : 0);
	if (need) {
		/* (H) pairs with the program's between prod and flags (G) */
		smp_mb();
	}
}

static void odg_rq_copy_entry(struct odg_rq *rq, u32 index,
			      struct odg_rqe *copy)
{
	const struct odg_rqe *rqe = &rq->shared->rqes[index & rq->mask];

	copy->user_data = READ_ONCE(rqe->user_data);
	copy->offset = READ_ONCE(rqe->offset);
	copy->len = READ_ONCE(rqe->len);
	copy->region = READ_ONCE(rqe->region);
	copy->flags = READ_ONCE(rqe->flags);
	copy->least = READ_ONCE(rqe->least);
}

bool odg_rq_look(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);
	u32 slot, posted;

	if (!rq || binding->depth)
		return false;
	slot = rq->cons & rq->mask;
	posted = min(odg_rq_posted(rq), rq->mask + 1 - slot);
	binding->head = &rq->shared->rqes[slot];
	binding->seen = binding->head + posted;
	return posted;
}

/**
 * odg_rq_stand - see whether a receive is a standing one that has something left
 * @binding: its lock is held; an entry is at the head that is not plain
 *
 * If so, it is at the head as a plain one from now on, until it is over or taken by the
 * other way than the straight: one look at its entry does for many datagrams.
 */
bool odg_rq_stand(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);
	struct odg_rqe rqe;

	odg_rq_copy_entry(rq, rq->cons, &rqe);
	if (rqe.flags != ODG_RQE_STANDING || !rqe.least ||
	    rqe.least > rqe.len || rqe.len <= rq->used)
		return false;
	rq->least = rqe.least;
	rq->standing = (struct odg_rqe) {
		.user_data = rqe.user_data + rq->used,
		.offset = rqe.offset + rq->used,
		.len = rqe.len - rq->used,
		.region = rqe.region,
	};
	binding->head = &rq->standing;
	binding->seen = binding->head + 1;
	odg_binding_set_own(binding, ODG_BIND_STANDING, true);
	return true;
}

/* A standing receive: what is left of its memory.  0, or why it cannot be used. */
static int odg_rq_read_standing(struct odg_rq *rq, const struct odg_rqe *rqe,
				struct odg_target *target)
{
	void *addr = odg_region_addr(rq->port, rqe->region, rqe->offset,
				     rqe->len);

	if (rqe->flags & ~(ODG_RQE_STANDING | ODG_RQE_QUIET) || !rqe->least ||
	    rqe->least > rqe->len)
		return -EINVAL;
	if (!addr)
		return -EFAULT;
	/* it was longer when we last looked */
	if (rq->used >= rqe->len)
		return -EINVAL;

	target->addr = addr + rq->used;
	target->room = rqe->len - rq->used;
	target->least = rqe->least;
	return 0;
}

/* One more segment.  0, or why it cannot be used. */
static int odg_rq_read_seg(struct odg_rq *rq, const struct odg_rqe *rqe,
			   struct odg_target *target)
{
	u32 nr = target->taken - 1;

	rq->segs[nr].len = rqe->len;
	if (rqe->flags & ODG_RQE_ADDRESS) {
		if (!rq->pages || rqe->region)
			return -EINVAL;
		rq->segs[nr].addr = NULL;
		rq->segs[nr].user = rqe->offset;
		target->by_address = true;
		if (rqe->offset > ULONG_MAX - rqe->len)
			return -EFAULT;
	} else {
		rq->segs[nr].addr = odg_region_addr(rq->port, rqe->region,
						    rqe->offset, rqe->len);
		if (!rq->segs[nr].addr)
			return -EFAULT;
	}
	if (rqe->len > INT_MAX - target->room)
		return -EINVAL;
	target->room += rqe->len;
	return 0;
}

/**
 * odg_rq_read - read the receive at the head
 * @rq: where; the lock of its binding is held
 * @posted: how many entries are posted there
 * @target: filled; how many entries it takes up is said in any case
 *
 * Return: 0, or why it cannot be used.
 */
int odg_rq_read(struct odg_rq *rq, u32 posted, struct odg_target *target)
{
	struct odg_rqe rqe;
	int ret = 0;

	*target = (struct odg_target) {
		.port = rq->port,
		.rq = rq,
	};
	while (target->taken < posted) {
		odg_rq_copy_entry(rq, rq->cons + target->taken, &rqe);
		if (!target->taken++) {
			target->user_data = rqe.user_data + rq->used;
			target->flags = rqe.flags;
			if (rqe.flags & ODG_RQE_STANDING)
				return odg_rq_read_standing(rq, &rqe, target);
		}
		if (rqe.flags &
		    ~(ODG_RQE_MORE | ODG_RQE_QUIET | ODG_RQE_ADDRESS) ||
		    rqe.least)
			return -EINVAL;
		/* the first reason is told, but the chain is read to its end */
		if (!ret)
			ret = odg_rq_read_seg(rq, &rqe, target);
		if (!(rqe.flags & ODG_RQE_MORE))
			return ret;
		if (target->taken == ODG_MAX_RQ_SEGS)
			return -EINVAL;
	}
	return -EINVAL;
}

/**
 * odg_rq_end - end a receive without a datagram, a standing one for good
 * @target: the receive; there is room for its completion
 * @cqe: why, but for what the receive adds
 */
void odg_rq_end(struct odg_target *target, struct odg_cqe_wide *cqe)
{
	struct odg_rq *rq = target->rq;

	cqe->cqe.user_data = target->user_data;
	cqe->cqe.flags |= odg_rq_cqe_flags(target->flags);
	rq->used = 0;
	odg_rq_advance(rq, target->taken);
	odg_port_submit(rq->port, cqe, NULL);
}

/* The same, for a reason of ours. */
void odg_rq_fail(struct odg_target *target, int status)
{
	struct odg_cqe_wide cqe = { .cqe.status = status };

	target->rq->binding->aborted++;
	odg_rq_end(target, &cqe);
}

/*
 * Step over receives at the head that were cancelled, whole ones, of @posted entries.
 * How many entries: 0 if there are none.
 */
u32 odg_rq_skip_dead(struct odg_rq *rq, u32 posted)
{
	u32 nr = 0, seg = 0;

	while (nr < posted && (seg || nr < ODG_DEAD_AT_ONCE)) {
		const struct odg_rqe *rqe = &rq->shared->rqes[(rq->cons + nr) & rq->mask];
		u32 flags = READ_ONCE(rqe->flags);

		if (!seg && !(flags & ODG_RQE_DEAD))
			break;
		seg = flags & ODG_RQE_MORE ? (seg + 1) % ODG_MAX_RQ_SEGS : 0;
		nr++;
	}
	if (nr) {
		rq->used = 0;
		odg_rq_advance(rq, nr);
	}
	return nr;
}

/**
 * odg_rq_target - the oldest receive posted in the ring
 * @rq: the ring; the lock of its binding is held
 * @target: filled
 *
 * Return: true if there is one, and with it a promise of room for its completion:
 * go on with odg_rq_take() and odg_port_submit(), or with odg_port_unreserve().
 */
bool odg_rq_target(struct odg_rq *rq, struct odg_target *target)
{
	int tries;

	/* bounded: another CPU might post bad entries as fast as we take them */
	for (tries = 0; tries < ODG_BAD_ENTRIES_AT_ONCE; tries++) {
		u32 posted = odg_rq_posted(rq);
		int ret;

		if (!posted) {
			target->slow = ODG_SLOW_NOTHING_POSTED;
			return false;
		}
		if (odg_rq_skip_dead(rq, posted))
			continue;
		if (!odg_port_reserve(rq->port)) {
			target->slow = ODG_SLOW_NO_ROOM;
			return false;
		}
		ret = odg_rq_read(rq, posted, target);
		if (!ret)
			return true;
		odg_rq_fail(target, ret);
		odg_port_bad_entry(rq->port);
	}
	target->slow = ODG_SLOW_BAD_ENTRY;
	return false;
}

/**
 * odg_rq_take - the receive at the head is a datagram's
 * @target: the receive
 * @len: bytes of it that are used
 *
 * Return: ODG_CQE_* for its completion, which is not visible yet.
 */
u32 odg_rq_take(const struct odg_target *target, u32 len)
{
	struct odg_rq *rq = target->rq;
	u32 flags = odg_rq_cqe_flags(target->flags);

	if (target->least &&
	    odg_rq_stays(rq, target->room, target->least, len)) {
		odg_binding_forget_seen(rq->binding);
		return flags | ODG_CQE_MORE;
	}
	rq->used = 0;
	odg_rq_advance(rq, target->taken);
	return flags;
}

/**
 * odg_rq_cancel_at - end a receive, wherever it stands, as cancelled
 * @rq: the ring; the lock of its binding is held
 * @index: of its first entry
 * @user_data: its name
 *
 * Return: 1; 0 if it is not posted; -EAGAIN: no room for the completion.
 */
int odg_rq_cancel_at(struct odg_rq *rq, u32 index, u64 user_data)
{
	struct odg_rqe *rqe = &rq->shared->rqes[index & rq->mask];
	struct odg_cqe_wide cqe = { .cqe.status = -ECANCELED };
	u32 posted = odg_rq_posted(rq), tries, flags;
	struct odg_port *port = rq->port;
	bool first = index == rq->cons;

	if (index - rq->cons >= posted)
		return 0;
	flags = READ_ONCE(rqe->flags);
	if (flags & ODG_RQE_DEAD || READ_ONCE(rqe->user_data) != user_data)
		return 0;
	if (!odg_port_reserve(port))
		return -EAGAIN;

	WRITE_ONCE(rqe->flags, flags | ODG_RQE_DEAD);
	trace_odg_cancel(port->id, user_data);
	cqe.cqe.user_data = user_data + (first ? rq->used : 0);
	cqe.cqe.flags = odg_rq_cqe_flags(flags);
	rq->binding->aborted++;
	odg_port_submit(port, &cqe, NULL);
	odg_port_cancelled(port);
	for (tries = 0; tries < ODG_BAD_ENTRIES_AT_ONCE; tries++) {
		if (!odg_rq_skip_dead(rq, odg_rq_posted(rq)))
			break;
	}
	return 1;
}
