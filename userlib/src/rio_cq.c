// SPDX-License-Identifier: MIT
/*
 * Completion queues: a port each.
 *
 * A queue never overflows: the limits of the request queues attached to it add up
 * to no more than its capacity, and a request counts until its completion was
 * dequeued.
 *
 * The RIO lock is held to create, resize and close.  RIODequeueCompletion() takes
 * none: the program lets one thread at a time dequeue.
 */
#include <errno.h>

#include "rio.h"

struct odgw_slots odgw_rio_cqs;

static char nothing;

static int open_port(struct odgw_rio_cq *cq, DWORD size)
{
	int ret = odg_port_open(&cq->port, size, ODG_CQ_WIDE);

	if (ret)
		return odgw_wsa_from_open(ret);
	cq->ring = *odg_port_cq(cq->port);
	cq->capacity = size;
	return 0;
}

static int create(DWORD size, const RIO_NOTIFICATION_COMPLETION *how,
		  RIO_CQ *handle)
{
	struct odgw_rio_cq *cq;
	int err;

	if (!size || size > RIO_MAX_CQ_SIZE)
		return WSAEINVAL;
	if (size > ODG_MAX_CQ_ENTRIES)
		return WSAENOBUFS;
	cq = odgw_slot_take(&odgw_rio_cqs);
	if (!cq)
		return WSAENOBUFS;
	cq->nothing = -1;
	err = open_port(cq, size);
	if (!err && how)
		err = odgw_rio_notify_open(cq, how);
	if (err) {
		odgw_rio_notify_close(cq);
		odg_port_close(cq->port);
		odgw_slot_free(&odgw_rio_cqs, cq);
		return err;
	}
	*handle = odgw_slot_publish(cq);
	return 0;
}

RIO_CQ WINAPI odgw_rio_create_cq(DWORD size, PRIO_NOTIFICATION_COMPLETION how)
{
	RIO_CQ handle = RIO_INVALID_CQ;
	int err = odgw_enter();

	if (!err) {
		odgw_rio_lock();
		err = create(size, how, &handle);
		odgw_rio_unlock();
	}
	odgw_leave_failed(err);
	return handle;
}

/* grow - the port's queue, which is another one then */
static int grow(struct odgw_rio_cq *cq, DWORD size)
{
	int ret;

	if (size > ODG_MAX_CQ_ENTRIES)
		return WSAENOBUFS;
	odgw_rio_notify_hold(cq);
	ret = odg_cq_resize(cq->port, size);
	cq->ring = *odg_port_cq(cq->port);
	odgw_rio_notify_go_on(cq);
	return ret ? WSAENOBUFS : 0;
}

static int resize(struct odgw_rio_cq *cq, DWORD size)
{
	uint32_t idx;
	int err = 0;

	if (!cq || !size || size > RIO_MAX_CQ_SIZE)
		return WSAEINVAL;
	if (size < cq->reserved || size < odg_cq_peek(&cq->ring, &idx))
		return WSAETOOMANYREFS;
	if (size > cq->ring.__mask + 1)
		err = grow(cq, size);
	if (!err)
		cq->capacity = size;
	return err;
}

BOOL WINAPI odgw_rio_resize_cq(RIO_CQ handle, DWORD size)
{
	int err = odgw_enter();

	if (!err) {
		odgw_rio_lock();
		err = resize(odgw_slot_get(&odgw_rio_cqs, handle), size);
		odgw_rio_unlock();
	}
	return !odgw_leave_failed(err);
}

/* Closing the port drops what is still posted. */
void odgw_rio_cq_destroy(struct odgw_rio_cq *cq)
{
	odgw_slot_retire(cq);
	odgw_rio_rq_cq_closed(cq);
	odgw_rio_buffers_forget(cq);
	odgw_rio_notify_close(cq);
	odg_port_close(cq->port);
	odgw_slot_free(&odgw_rio_cqs, cq);
}

VOID WINAPI odgw_rio_close_cq(RIO_CQ handle)
{
	struct odgw_rio_cq *cq;

	odgw_enter();
	odgw_rio_lock();
	cq = odgw_slot_get(&odgw_rio_cqs, handle);
	if (cq)
		odgw_rio_cq_destroy(cq);
	odgw_rio_unlock();
	odgw_leave_failed(0);
}

/* A receive without a buffer names a piece of no length, and that has to exist. */
int odgw_rio_cq_nothing(struct odgw_rio_cq *cq, int *region)
{
	int ret;

	if (cq->nothing < 0) {
		ret = odg_region_register(cq->port, &nothing, 1, NULL);
		if (ret < 0)
			return WSAENOBUFS;
		cq->nothing = ret;
	}
	*region = cq->nothing;
	return 0;
}

static inline void fill(const struct odgw_rio_rq *rq,
			const struct odgw_rio_side *side, uint32_t at,
			const struct odg_cqe_wide *wide, PRIORESULT result)
{
	result->Status = 0;
	result->BytesTransferred = wide->cqe.len;
	result->SocketContext = rq->socket_context;
	result->RequestContext = side->contexts[at];
}

static inline void done(struct odgw_rio_side *side)
{
	/* Release: pairs with the acquire in odgw_rio_outstanding(). */
	__atomic_store_n(&side->done, side->done + 1, __ATOMIC_RELEASE);
}

/* take_plain - one datagram received and nothing else; false: take() it */
static inline bool take_plain(struct odgw_rio_cq *cq, uint32_t idx,
			      PRIORESULT result)
{
	const struct odg_cqe_wide *wide = odg_cq_read_wide(&cq->ring, idx);
	uint64_t user = wide->cqe.user_data;
	struct odgw_rio_rq *rq = odgw_rio_rq_of(user);
	struct odgw_rio_side *side;

	if (unlikely(!rq || wide->cqe.status ||
		     wide->cqe.flags & ODG_CQE_PARTIAL ||
		     user & (ODGW_RIO_SEND | ODGW_RIO_EX | ODGW_RIO_NO_DATA)))
		return false;
	side = &rq->side[0];
	if (unlikely(side->cq != cq))
		return false;
	fill(rq, side, side->done & side->mask, wide, result);
	done(side);
	return true;
}

/* Windows tells who sends on a socket that is not connected, to nobody, so. */
static LONG send_status(const struct odg_cqe *cqe)
{
	if (!cqe->status)
		return 0;
	return cqe->status == -EDESTADDRREQ ? WSAENOTCONN :
	       odgw_wsa_from_errno(cqe->status);
}

static LONG receive_status(const struct odg_cqe *cqe)
{
	/* A result has no flags to say it by. */
	if (cqe->flags & ODG_CQE_PARTIAL)
		return WSAEMSGSIZE;
	if (!cqe->status)
		return 0;
	/* Who wants no data misses none. */
	if (cqe->status == -EMSGSIZE && cqe->user_data & ODGW_RIO_NO_DATA)
		return 0;
	return odgw_wsa_from_status(odgw_status_from_cqe(cqe));
}

static void take_receive(struct odgw_rio_rq *rq, const struct odg_cqe_wide *wide,
			 PRIORESULT result)
{
	struct odgw_rio_side *side = &rq->side[0];
	uint32_t at = side->done & side->mask;

	fill(rq, side, at, wide, result);
	result->Status = receive_status(&wide->cqe);
	if (wide->cqe.user_data & ODGW_RIO_EX)
		odgw_rio_ex_store(rq, &rq->ex[at], wide);
	done(side);
}

static void take_send(struct odgw_rio_rq *rq, const struct odg_cqe_wide *wide,
		      PRIORESULT result)
{
	struct odgw_rio_side *side = &rq->side[1];
	uint32_t place = wide->cqe.user_data >> ODGW_RIO_PLACE_SHIFT & side->mask;

	fill(rq, side, place, wide, result);
	result->Status = send_status(&wide->cqe);
	odgw_rio_sends_done(rq, place);
	done(side);
}

/* take - one completion; false if it cannot be of this queue */
static bool take(struct odgw_rio_cq *cq, uint32_t idx, PRIORESULT result)
{
	const struct odg_cqe_wide *wide = odg_cq_read_wide(&cq->ring, idx);
	uint64_t user = wide->cqe.user_data;
	struct odgw_rio_rq *rq = odgw_rio_rq_of(user);

	if (!rq || rq->side[user & ODGW_RIO_SEND].cq != cq)
		return false;
	if (user & ODGW_RIO_SEND)
		take_send(rq, wide, result);
	else
		take_receive(rq, wide, result);
	if (wide->cqe.status == -ECANCELED)
		odgw_rio_rq_drained(rq);
	return true;
}

/* dequeue_rest - from the @i-th on, whatever they are */
static ULONG __attribute__((noinline))
dequeue_rest(struct odgw_rio_cq *cq, PRIORESULT array, uint32_t idx, uint32_t i,
	     uint32_t n)
{
	for (; i < n; i++) {
		if (!take(cq, idx + i, &array[i])) {
			cq->corrupt = true;
			return RIO_CORRUPT_CQ;
		}
	}
	odg_cq_release(&cq->ring, n);
	return n;
}

/* A call within the loop would cost more than the loop: hence dequeue_rest(). */
ULONG WINAPI odgw_rio_dequeue(RIO_CQ handle, PRIORESULT array, ULONG size)
{
	struct odgw_rio_cq *cq = odgw_slot_get(&odgw_rio_cqs, handle);
	uint32_t idx, i, n;

	if (unlikely(!cq || cq->corrupt || !array))
		return RIO_CORRUPT_CQ;
	n = odg_cq_peek(&cq->ring, &idx);
	if (unlikely(n > cq->ring.__mask + 1)) {
		cq->corrupt = true;
		return RIO_CORRUPT_CQ;
	}
	if (n > size)
		n = size;
	for (i = 0; i < n; i++)
		if (unlikely(!take_plain(cq, idx + i, &array[i])))
			return dequeue_rest(cq, array, idx, i, n);
	odg_cq_release(&cq->ring, n);
	return n;
}
