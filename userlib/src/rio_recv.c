// SPDX-License-Identifier: MIT
/*
 * Receives: RIOReceive() and RIOReceiveEx().
 *
 * What most programs do most of the time is done at once, without a lock, in
 * RIOReceive() itself.  All else, errors included, goes through receive().
 */
#include <stdlib.h>

#include "rio.h"

#define MODES	((DWORD)(RIO_MSG_DEFER | RIO_MSG_DONT_NOTIFY))

/*
 * odgw_rio_commit - start what was deferred
 *
 * It may run while another thread posts to the same queue: the index only ever
 * goes forward.  A receive is one entry, so its number is the entry's.
 */
void odgw_rio_commit(struct odgw_rio_rq *rq)
{
	/* Acquire: pairs with the release in post(). */
	uint32_t posted = __atomic_load_n(&rq->side[0].posted, __ATOMIC_ACQUIRE);
	uint32_t prod = __atomic_load_n(rq->ring.__prod, __ATOMIC_RELAXED);

	/* Release: (E) of <linux/odgram.h>, entries before the index */
	while ((int32_t)(posted - prod) > 0 &&
	       !__atomic_compare_exchange_n(rq->ring.__prod, &prod, posted, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	/* (G): the index before the look at the flags */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(rq->ring.__flags, __ATOMIC_RELAXED) & ODG_RQ_NEED_KICK)
		odg_rq_kick(&rq->ring);
}

static inline void post(struct odgw_rio_rq *rq, int region, uint32_t offset,
			uint32_t len, unsigned int kind, DWORD flags,
			PVOID context)
{
	struct odgw_rio_side *side = &rq->side[0];

	side->contexts[side->posted & side->mask] = (uintptr_t)context;
	odg_rq_write(&rq->ring, region, offset, len, (uintptr_t)rq | kind,
		     flags & RIO_MSG_DONT_NOTIFY ? ODG_RQE_QUIET : 0);
	/* Release: pairs with the acquire in odgw_rio_commit(). */
	__atomic_store_n(&side->posted, side->posted + 1, __ATOMIC_RELEASE);
	if (!(flags & RIO_MSG_DEFER))
		odg_rq_submit(&rq->ring);
}

static inline bool has_room(const struct odgw_rio_rq *rq)
{
	return odgw_rio_outstanding(&rq->side[0]) < rq->side[0].room;
}

static int commit_only(struct odgw_rio_rq *rq, const RIO_BUF *data, ULONG count,
		       DWORD flags, PVOID context, const struct odgw_rio_ex *ex)
{
	if (flags != RIO_MSG_COMMIT_ONLY || data || count || ex || context)
		return WSAEINVAL;
	if (rq->ring_open)
		odgw_rio_commit(rq);
	return 0;
}

/* prepare_queue - have the kernel's ring, and room in it */
static int prepare_queue(struct odgw_rio_rq *rq)
{
	int err = 0;

	if (!rq->max[0])
		return WSAENOBUFS;
	if (!rq->ring_open) {
		odgw_rio_lock();
		err = odgw_rio_rq_open(rq);
		odgw_rio_unlock();
	}
	if (err)
		return err;
	return has_room(rq) ? 0 : WSAENOBUFS;
}

static int find_data(struct odgw_rio_rq *rq, const RIO_BUF *data, int *region)
{
	struct odgw_rio_buffer *buf;
	int err;

	if (!data) {
		odgw_rio_lock();
		err = odgw_rio_cq_nothing(rq->side[0].cq, region);
		odgw_rio_unlock();
		return err;
	}
	buf = odgw_slot_get(&odgw_rio_buffers, data->BufferId);
	if (!buf)
		return WSAEFAULT;
	if (!odgw_rio_holds(buf, data))
		return WSAEINVAL;
	return odgw_rio_buffer_place(buf, rq->side[0].cq, region);
}

/* keep_ex - for when the receive completes */
static int keep_ex(struct odgw_rio_rq *rq, const struct odgw_rio_ex *ex)
{
	struct odgw_rio_side *side = &rq->side[0];

	if (!rq->ex)
		rq->ex = calloc(side->mask + 1, sizeof(*rq->ex));
	if (!rq->ex)
		return WSAENOBUFS;
	rq->ex[side->posted & side->mask] = *ex;
	return 0;
}

static int receive(struct odgw_rio_rq *rq, const RIO_BUF *data, ULONG count,
		   DWORD flags, PVOID context, const struct odgw_rio_ex *ex)
{
	unsigned int kind = 0;
	int err, region;

	/* Without its completion queue it cannot be used any more. */
	if (!rq || !rq->side[0].cq)
		return WSAEINVAL;
	if (flags & RIO_MSG_COMMIT_ONLY)
		return commit_only(rq, data, count, flags, context, ex);
	if (flags & ~(MODES | RIO_MSG_WAITALL))
		return WSAEINVAL;
	if (flags & RIO_MSG_WAITALL)
		return WSAEOPNOTSUPP;
	if (count != (data ? 1 : 0))
		return WSAEINVAL;

	err = prepare_queue(rq);
	if (!err)
		err = find_data(rq, data, &region);
	if (!err && ex)
		err = odgw_rio_ex_check(rq, ex);
	if (!err && ex)
		err = keep_ex(rq, ex);
	if (err)
		return err;

	if (!data)
		kind |= ODGW_RIO_NO_DATA;
	if (ex)
		kind |= ODGW_RIO_EX;
	post(rq, region, data ? data->Offset : 0, data ? data->Length : 0, kind,
	     flags, context);
	return 0;
}

/* The arguments of RIOReceive() in its order, so that none has to move. */
static BOOL __attribute__((noinline))
receive_slowly(RIO_RQ handle, const RIO_BUF *data, ULONG count, DWORD flags,
	       PVOID context, const struct odgw_rio_ex *ex)
{
	int err = odgw_enter();

	if (!err)
		err = receive(odgw_slot_get(&odgw_rio_rqs, handle), data, count,
			      flags, context, ex);
	return !odgw_leave_failed(err);
}

/* place_of - what the buffer of a piece of data is called, or -1: ask receive() */
static inline int place_of(const struct odgw_rio_rq *rq, const RIO_BUF *data)
{
	const struct odgw_rio_buffer *buf;

	buf = odgw_slot_get(&odgw_rio_buffers, data->BufferId);
	/* Acquire: pairs with the release in learn() of rio_buffer.c. */
	if (unlikely(!buf || !odgw_rio_holds(buf, data) ||
		     __atomic_load_n(&buf->cq, __ATOMIC_ACQUIRE) !=
		     rq->side[0].cq))
		return -1;
	return buf->region;
}

BOOL WINAPI odgw_rio_receive(RIO_RQ handle, PRIO_BUF data, ULONG count,
			     DWORD flags, PVOID context)
{
	struct odgw_rio_rq *rq = odgw_slot_get(&odgw_rio_rqs, handle);
	int region;

	if (unlikely(!rq || !data || count != 1 || flags & ~MODES ||
		     !has_room(rq)))
		goto slowly;
	region = place_of(rq, data);
	if (unlikely(region < 0))
		goto slowly;
	post(rq, region, data->Offset, data->Length, 0, flags, context);
	return TRUE;

slowly:
	return receive_slowly(handle, data, count, flags, context, NULL);
}

static int WINAPI __attribute__((noinline))
receive_ex_slowly(RIO_RQ handle, PRIO_BUF data, ULONG count, PRIO_BUF local,
		  PRIO_BUF remote, PRIO_BUF control, PRIO_BUF msg_flags,
		  DWORD flags, PVOID context)
{
	struct odgw_rio_ex ex = { { 0 }, { 0 }, { 0 }, { 0 } };
	bool any = local || remote || control || msg_flags;

	if (local)
		ex.local = *local;
	if (remote)
		ex.remote = *remote;
	if (control)
		ex.control = *control;
	if (msg_flags)
		ex.flags = *msg_flags;
	return receive_slowly(handle, data, count, flags, context,
			      any ? &ex : NULL);
}

/* What most ask for besides the data is who sent it. */
int WINAPI odgw_rio_receive_ex(RIO_RQ handle, PRIO_BUF data, ULONG count,
			       PRIO_BUF local, PRIO_BUF remote,
			       PRIO_BUF control, PRIO_BUF msg_flags,
			       DWORD flags, PVOID context)
{
	struct odgw_rio_rq *rq = odgw_slot_get(&odgw_rio_rqs, handle);
	int region;

	if (unlikely(!rq || !rq->ex || !data || count != 1 || !remote || local ||
		     control || msg_flags || flags & ~MODES || !has_room(rq) ||
		     remote->Length < sizeof(SOCKADDR_INET) ||
		     !odgw_rio_memory(remote)))
		goto slowly;
	region = place_of(rq, data);
	if (unlikely(region < 0))
		goto slowly;
	rq->ex[rq->side[0].posted & rq->side[0].mask] =
		(struct odgw_rio_ex){ .remote = *remote };
	post(rq, region, data->Offset, data->Length, ODGW_RIO_EX, flags, context);
	return TRUE;

slowly:
	return receive_ex_slowly(handle, data, count, local, remote, control,
				 msg_flags, flags, context);
}
