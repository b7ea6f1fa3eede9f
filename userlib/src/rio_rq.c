// SPDX-License-Identifier: MIT
/*
 * Request queues: what registered I/O knows of a socket.
 *
 * Lifetime: from RIOCreateRequestQueue() until the socket is closed and the last of
 * its completions was dequeued, or the completion queues are closed.  In between,
 * when it is "closing", it has no handle, only completions find it.
 *
 * The kernel's ring needs a socket with a local port.  It is opened with the queue
 * if there is one, else by the first receive.
 *
 * The RIO lock is held by all here.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>

#include "rio.h"

#define RECEIVES	0
#define SENDS		1

struct odgw_slots odgw_rio_rqs;

/* The request queue of each descriptor. */
static struct odgw_rio_rq **by_fd;
static int nr_fds;

static struct odgw_rio_rq *rq_of_fd(int fd)
{
	return fd < nr_fds ? by_fd[fd] : NULL;
}

static bool remember(int fd, struct odgw_rio_rq *rq)
{
	int nr = nr_fds ? nr_fds : 64;
	struct odgw_rio_rq **bigger;

	while (nr <= fd)
		nr *= 2;
	if (nr > nr_fds) {
		bigger = realloc(by_fd, nr * sizeof(*by_fd));
		if (!bigger)
			return false;
		memset(bigger + nr_fds, 0, (nr - nr_fds) * sizeof(*by_fd));
		by_fd = bigger;
		nr_fds = nr;
	}
	by_fd[fd] = rq;
	return true;
}

static void release(struct odgw_rio_rq *rq)
{
	int i;

	if (rq->ring_open)
		odg_rq_close(&rq->ring);
	for (i = 0; i < 2; i++) {
		if (rq->side[i].cq)
			rq->side[i].cq->reserved -= rq->max[i];
		rq->side[i].cq = NULL;
		free(rq->side[i].contexts);
	}
	free(rq->ex);
	odgw_rio_sends_free(rq);
	rq->closing = false;
	odgw_slot_free(&odgw_rio_rqs, rq);
}

/* try_release - a closing queue goes with its last completion */
static void try_release(struct odgw_rio_rq *rq)
{
	if (rq->closing && !odgw_rio_outstanding(&rq->side[RECEIVES]) &&
	    !odgw_rio_outstanding(&rq->side[SENDS]))
		release(rq);
}

void odgw_rio_rq_drained(struct odgw_rio_rq *rq)
{
	odgw_rio_lock();
	try_release(rq);
	odgw_rio_unlock();
}

static void start_closing(struct odgw_rio_rq *rq)
{
	by_fd[rq->sock.fd] = NULL;
	odgw_slot_retire(rq);
	rq->closing = true;
	/* What was deferred ends like the rest when the socket closes. */
	if (rq->ring_open)
		odgw_rio_commit(rq);
	if (rq->side[SENDS].cq)
		odgw_rio_sends_flush(rq);
	try_release(rq);
}

/* The completions of the rest come when the descriptor is closed. */
void odgw_rio_socket_closing(int fd)
{
	struct odgw_rio_rq *rq;

	odgw_rio_lock();
	rq = rq_of_fd(fd);
	if (rq)
		start_closing(rq);
	odgw_rio_unlock();
}

void odgw_rio_socket_renamed(int fd, int to)
{
	struct odgw_rio_rq *rq;

	odgw_rio_lock();
	rq = rq_of_fd(fd);
	if (rq && remember(to, rq)) {
		by_fd[fd] = NULL;
		rq->sock.fd = to;
	}
	odgw_rio_unlock();
}

/*
 * sweep - closed sockets give their share back once nothing of them is left to
 * dequeue.  Most do so by odgw_rio_rq_drained(); this finds the others.
 */
static void sweep(void)
{
	struct odgw_rio_rq *rq;

	odgw_slot_for_each(&odgw_rio_rqs, rq)
		try_release(rq);
}

static bool fits(const struct odgw_rio_cq *cq, uint32_t more)
{
	return more <= cq->capacity - cq->reserved;
}

/* charge - promise room in the completion queues, or change nothing */
static int charge(struct odgw_rio_cq *cq[2], const uint32_t more[2])
{
	if (!fits(cq[0], more[0]))
		return WSAENOBUFS;
	cq[0]->reserved += more[0];
	if (!fits(cq[1], more[1])) {
		cq[0]->reserved -= more[0];
		return WSAENOBUFS;
	}
	cq[1]->reserved += more[1];
	return 0;
}

static void uncharge(struct odgw_rio_cq *cq[2], const uint32_t max[2])
{
	cq[0]->reserved -= max[0];
	cq[1]->reserved -= max[1];
}

/* Less than a page of entries would save nothing. */
static uint32_t ring_size(uint32_t n)
{
	uint32_t size = 64;

	while (size < n)
		size *= 2;
	return size;
}

/* WSAEINVAL: the socket has no local port */
int odgw_rio_rq_open(struct odgw_rio_rq *rq)
{
	struct odgw_rio_side *side = &rq->side[RECEIVES];
	int ret;

	if (rq->ring_open)
		return 0;
	odgw_socket_not_direct(&rq->sock);
	ret = odg_rq_open(&rq->ring, side->cq->port, rq->sock.fd,
			  side->mask + 1);
	if (ret)
		return odgw_wsa_from_errno(ret);
	rq->port = odgw_socket_port(rq->sock.fd);
	rq->ring_open = true;
	side->room = rq->max[RECEIVES];
	return 0;
}

/* identify - whether the socket can have a request queue */
static int identify(SOCKET s, struct odgw_rio_rq *rq)
{
	struct odgw_rio_rq *old;
	struct stat st;
	int err;

	err = odgw_socket_lookup_udp(s, &rq->sock);
	if (!err)
		err = odgw_socket_attach(rq->sock.fd);
	if (err)
		return err;
	if (fstat(rq->sock.fd, &st))
		return WSAENOTSOCK;

	old = rq_of_fd(rq->sock.fd);
	if (old && old->inode == st.st_ino)
		return WSAEINVAL;
	/* The program closed it by close(2), and the number was used again. */
	if (old)
		start_closing(old);
	rq->inode = st.st_ino;
	return 0;
}

static int make_side(struct odgw_rio_side *side, struct odgw_rio_cq *cq,
		     uint32_t max)
{
	side->mask = ring_size(max) - 1;
	side->contexts = calloc(side->mask + 1, sizeof(*side->contexts));
	side->cq = cq;
	return side->contexts ? 0 : WSAENOBUFS;
}

static int build(struct odgw_rio_rq *rq, SOCKET s, struct odgw_rio_cq *cq[2],
		 const uint32_t max[2])
{
	int err;

	err = identify(s, rq);
	if (!err)
		err = make_side(&rq->side[RECEIVES], cq[0], max[RECEIVES]);
	if (!err)
		err = make_side(&rq->side[SENDS], cq[1], max[SENDS]);
	if (err)
		return err;
	rq->max[RECEIVES] = max[RECEIVES];
	rq->max[SENDS] = rq->side[SENDS].room = max[SENDS];
	err = odgw_rio_sends_make(rq);
	if (!err && !remember(rq->sock.fd, rq))
		err = WSAENOBUFS;
	if (err)
		return err;
	if (max[RECEIVES])
		err = odgw_rio_rq_open(rq);
	/* No local port yet: the first receive does it. */
	if (!err || err == WSAEINVAL)
		return 0;
	by_fd[rq->sock.fd] = NULL;
	return err;
}

static int create(SOCKET s, struct odgw_rio_cq *cq[2], const uint32_t max[2],
		  PVOID socket_context, RIO_RQ *handle)
{
	struct odgw_rio_rq *rq;
	int err;

	if (!cq[0] || !cq[1] || (!max[0] && !max[1]))
		return WSAEINVAL;
	if (max[RECEIVES] > ODG_MAX_RQ_ENTRIES || max[SENDS] > ODGW_RIO_MAX_SENDS)
		return WSAENOBUFS;
	err = charge(cq, max);
	if (err) {
		sweep();
		err = charge(cq, max);
	}
	if (err)
		return err;

	rq = odgw_slot_take(&odgw_rio_rqs);
	err = rq ? build(rq, s, cq, max) : WSAENOBUFS;
	if (!err) {
		rq->socket_context = (uintptr_t)socket_context;
		*handle = odgw_slot_publish(rq);
		return 0;
	}
	uncharge(cq, max);
	if (rq) {
		memset(rq->max, 0, sizeof(rq->max));
		release(rq);
	}
	return err;
}

RIO_RQ WINAPI odgw_rio_create_rq(SOCKET s, ULONG max_receive,
				 ULONG receive_buffers, ULONG max_send,
				 ULONG send_buffers, RIO_CQ receive_cq,
				 RIO_CQ send_cq, PVOID socket_context)
{
	const uint32_t max[2] = { max_receive, max_send };
	RIO_RQ handle = RIO_INVALID_RQ;
	struct odgw_rio_cq *cq[2];
	int err = odgw_enter();

	if (!err && (receive_buffers != 1 || send_buffers != 1))
		err = WSAEINVAL;
	if (!err) {
		odgw_rio_lock();
		cq[0] = odgw_slot_get(&odgw_rio_cqs, receive_cq);
		cq[1] = odgw_slot_get(&odgw_rio_cqs, send_cq);
		err = create(s, cq, max, socket_context, &handle);
		odgw_rio_unlock();
	}
	odgw_leave_failed(err);
	return handle;
}

/* move_receives - what is remembered of each goes where it is looked for now */
static void move_receives(struct odgw_rio_rq *rq, uint64_t *contexts,
			  struct odgw_rio_ex *ex, uint32_t mask)
{
	struct odgw_rio_side *side = &rq->side[RECEIVES];
	uint32_t i;

	for (i = side->done; i != side->posted; i++) {
		contexts[i & mask] = side->contexts[i & side->mask];
		if (ex)
			ex[i & mask] = rq->ex[i & side->mask];
	}
	free(side->contexts);
	free(rq->ex);
	side->contexts = contexts;
	side->mask = mask;
	rq->ex = ex;
}

static int grow_receives(struct odgw_rio_rq *rq, uint32_t max)
{
	uint32_t size = ring_size(max);
	struct odgw_rio_ex *ex = NULL;
	uint64_t *contexts;
	int err;

	contexts = calloc(size, sizeof(*contexts));
	if (rq->ex)
		ex = calloc(size, sizeof(*ex));
	err = contexts && !rq->ex == !ex ? 0 : WSAENOBUFS;
	if (!err && rq->ring_open && odg_rq_resize(&rq->ring, size))
		err = WSAENOBUFS;
	if (err) {
		free(contexts);
		free(ex);
		return err;
	}
	move_receives(rq, contexts, ex, size - 1);
	return 0;
}

/* grow - beyond what the queue was made for */
static int grow(struct odgw_rio_rq *rq, const uint32_t max[2])
{
	int err = 0;

	if (max[RECEIVES] > ODG_MAX_RQ_ENTRIES || max[SENDS] > ODGW_RIO_MAX_SENDS)
		return WSAENOBUFS;
	if (max[SENDS] > rq->side[SENDS].mask + 1)
		err = odgw_rio_sends_grow(rq, ring_size(max[SENDS]));
	if (!err && max[RECEIVES] > rq->side[RECEIVES].mask + 1)
		err = grow_receives(rq, max[RECEIVES]);
	return err;
}

static int resize(struct odgw_rio_rq *rq, const uint32_t max[2])
{
	const uint32_t old[2] = { rq->max[0], rq->max[1] };
	struct odgw_rio_cq *cq[2] = { rq->side[0].cq, rq->side[1].cq };
	int i, err;

	if (!cq[0] || !cq[1])
		return WSAEINVAL;
	for (i = 0; i < 2; i++)
		if (odgw_rio_outstanding(&rq->side[i]) > max[i])
			return WSAETOOMANYREFS;
	uncharge(cq, old);
	err = charge(cq, max);
	if (err) {
		charge(cq, old);
		return err;
	}
	err = grow(rq, max);
	if (err) {
		uncharge(cq, max);
		charge(cq, old);
		return err;
	}
	memcpy(rq->max, max, sizeof(rq->max));
	if (rq->ring_open)
		rq->side[RECEIVES].room = max[RECEIVES];
	rq->side[SENDS].room = max[SENDS];
	return 0;
}

BOOL WINAPI odgw_rio_resize_rq(RIO_RQ handle, DWORD max_receive, DWORD max_send)
{
	const uint32_t max[2] = { max_receive, max_send };
	struct odgw_rio_rq *rq;
	int err = odgw_enter();

	if (!err) {
		odgw_rio_lock();
		rq = odgw_slot_get(&odgw_rio_rqs, handle);
		err = rq && (max[0] || max[1]) ? resize(rq, max) : WSAEINVAL;
		odgw_rio_unlock();
	}
	return !odgw_leave_failed(err);
}

/* What would have completed there never will. */
static void forget_cq(struct odgw_rio_rq *rq, struct odgw_rio_cq *cq)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct odgw_rio_side *side = &rq->side[i];

		if (side->cq != cq)
			continue;
		side->cq = NULL;
		side->room = 0;
		side->done = side->posted;
		if (i == RECEIVES && rq->ring_open) {
			odg_rq_close(&rq->ring);
			rq->ring_open = false;
		}
	}
	try_release(rq);
}

void odgw_rio_rq_cq_closed(struct odgw_rio_cq *cq)
{
	struct odgw_rio_rq *rq;

	odgw_slot_for_each(&odgw_rio_rqs, rq)
		if (rq->slot.handle || rq->closing)
			forget_cq(rq, cq);
}

/* The end: the completion queues are closed already. */
void odgw_rio_rqs_destroy(void)
{
	struct odgw_rio_rq *rq;

	odgw_slot_for_each(&odgw_rio_rqs, rq)
		if (rq->slot.handle)
			start_closing(rq);
	free(by_fd);
	by_fd = NULL;
	nr_fds = 0;
}
