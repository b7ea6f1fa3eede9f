// SPDX-License-Identifier: MIT
/*
 * Sends: RIOSend() and RIOSendEx().
 *
 * A send waits in a batch, and the batch goes to the kernel by one call with the
 * first that is not deferred: RIO_MSG_DEFER is what makes sends cheap.  All of them
 * complete in the queue, those that the kernel refuses as well.  A datagram that
 * the socket has no room for is copied by the kernel and waits there.
 *
 * Sends need not complete in order of posting: each has a place of its own for its
 * context.  Free places stand in a ring; who posts takes them, who dequeues puts
 * them back, and the counts of posted and done (rio.h) are its indices.
 *
 * The lock protects the batch: RIO_MSG_COMMIT_ONLY may be called while another
 * thread posts.  It is held over the system call, which does not block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rio.h"

#define MODES		((DWORD)(RIO_MSG_DEFER | RIO_MSG_DONT_NOTIFY))
#define AT_ONCE		64U	/* of one system call */
#define MAX_CONTROL	256	/* holds every type that a send may carry */
#define MAX_BYTES	65535	/* the kernel says what of that is too much */

/**
 * struct batched - a send that was posted
 * @user_data: for its completion
 * @data: its bytes
 * @to: where to; family 0: to the peer of a connected socket
 * @control: messages as Linux takes them, or NULL
 * @control_len: their bytes
 * @quiet: RIO_MSG_DONT_NOTIFY
 */
struct batched {
	uint64_t user_data;
	struct odg_seg data;
	SOCKADDR_INET to;
	void *control;
	size_t control_len;
	bool quiet;
};

struct odgw_rio_sends {
	pthread_mutex_t lock;
	uint32_t nr;
	struct batched *batch;		/* room for all places */
	uint16_t *free;
};

int odgw_rio_sends_make(struct odgw_rio_rq *rq)
{
	uint32_t i, nr = rq->side[1].mask + 1;
	struct odgw_rio_sends *sends = calloc(1, sizeof(*sends));

	if (!sends)
		return WSAENOBUFS;
	rq->sends = sends;
	pthread_mutex_init(&sends->lock, NULL);
	sends->batch = calloc(nr, sizeof(*sends->batch));
	sends->free = calloc(nr, sizeof(*sends->free));
	if (!sends->batch || !sends->free)
		return WSAENOBUFS;
	for (i = 0; i < nr; i++)
		sends->free[i] = (uint16_t)i;
	return 0;
}

/* A place stays what it is; the new ones are free. */
static void add_places(struct odgw_rio_rq *rq, uint16_t *unused, uint32_t size)
{
	struct odgw_rio_side *side = &rq->side[1];
	uint32_t i = side->posted, was = side->mask + 1, place;

	for (; i != side->done + was; i++)
		unused[i & (size - 1)] = rq->sends->free[i & side->mask];
	for (place = was; place < size; place++, i++)
		unused[i & (size - 1)] = (uint16_t)place;
	free(rq->sends->free);
	rq->sends->free = unused;
	side->mask = size - 1;
}

int odgw_rio_sends_grow(struct odgw_rio_rq *rq, uint32_t size)
{
	struct odgw_rio_side *side = &rq->side[1];
	uint16_t *unused = calloc(size, sizeof(*unused));
	struct batched *batch;
	uint64_t *contexts;

	if (!unused)
		return WSAENOBUFS;
	pthread_mutex_lock(&rq->sends->lock);
	batch = realloc(rq->sends->batch, size * sizeof(*batch));
	if (batch)
		rq->sends->batch = batch;
	contexts = batch ? realloc(side->contexts, size * sizeof(*contexts)) : NULL;
	if (contexts) {
		side->contexts = contexts;
		add_places(rq, unused, size);
	} else {
		free(unused);
	}
	pthread_mutex_unlock(&rq->sends->lock);
	return contexts ? 0 : WSAENOBUFS;
}

void odgw_rio_sends_free(struct odgw_rio_rq *rq)
{
	struct odgw_rio_sends *sends = rq->sends;

	if (!sends)
		return;
	while (sends->nr)
		free(sends->batch[--sends->nr].control);
	pthread_mutex_destroy(&sends->lock);
	free(sends->batch);
	free(sends->free);
	free(sends);
	rq->sends = NULL;
}

void odgw_rio_sends_done(struct odgw_rio_rq *rq, uint32_t place)
{
	struct odgw_rio_side *side = &rq->side[1];

	/* Seen by who posts because side->done is stored after it, with release. */
	rq->sends->free[side->done & side->mask] = (uint16_t)place;
}

static void describe(struct odg_send *send, const struct batched *b)
{
	*send = (struct odg_send){
		.user_data = b->user_data,
		.segs = (uintptr_t)&b->data,
		.nr_segs = 1,
		.flags = ODG_SEND_REPORT | (b->quiet ? ODG_SEND_QUIET : 0),
		.eventfd = -1,
	};
	if (b->to.si_family) {
		send->name = (uintptr_t)&b->to;
		send->namelen = sizeof(b->to);
	}
	if (b->control) {
		send->control = (uintptr_t)b->control;
		send->controllen = (uint32_t)b->control_len;
	}
}

/*
 * flush - the batch goes to the kernel; lock held
 *
 * What the kernel refuses without a report stays in the batch: no op was to be had, or
 * there is no socket.
 */
static int flush(struct odgw_rio_rq *rq)
{
	struct odgw_rio_sends *sends = rq->sends;
	struct odg_send send[AT_ONCE];
	uint32_t i, n, at = 0;
	int ret = 0;

	while (at < sends->nr && ret >= 0) {
		n = sends->nr - at < AT_ONCE ? sends->nr - at : AT_ONCE;
		for (i = 0; i < n; i++)
			describe(&send[i], &sends->batch[at + i]);
		ret = odg_send(rq->side[1].cq->port, rq->sock.fd, send, n);
		if (ret > 0)
			at += (uint32_t)ret;
	}
	for (i = 0; i < at; i++)
		free(sends->batch[i].control);
	sends->nr -= at;
	memmove(sends->batch, sends->batch + at, sends->nr * sizeof(*sends->batch));
	return ret < 0 ? odgw_wsa_from_errno(ret) : 0;
}

int odgw_rio_sends_flush(struct odgw_rio_rq *rq)
{
	int err;

	pthread_mutex_lock(&rq->sends->lock);
	err = flush(rq);
	pthread_mutex_unlock(&rq->sends->lock);
	return err;
}

/* What a call says. */
struct call {
	const RIO_BUF *data;
	ULONG count;
	const RIO_BUF *local;
	const RIO_BUF *remote;
	const RIO_BUF *control;
	const RIO_BUF *msg_flags;
	DWORD flags;
	PVOID context;
};

static int commit_only(struct odgw_rio_rq *rq, const struct call *c)
{
	if (c->flags != RIO_MSG_COMMIT_ONLY || c->data || c->count || c->local ||
	    c->remote || c->control || c->msg_flags || c->context)
		return WSAEINVAL;
	return odgw_rio_sends_flush(rq);
}

static int find(const RIO_BUF *piece, size_t least, char **at)
{
	int err = odgw_rio_ex_piece(piece, least);

	*at = odgw_rio_memory(piece);
	if (!err && !*at)
		err = WSAEFAULT;
	return err;
}

static int take_control(const RIO_BUF *piece, struct batched *b)
{
	RIO_CMSG_BUFFER head;
	WSABUF messages;
	char *at;
	int err = find(piece, RIO_CMSG_BASE_SIZE, &at);

	if (err)
		return err;
	memcpy(&head, at, sizeof(head));
	if (head.TotalLength < RIO_CMSG_BASE_SIZE ||
	    head.TotalLength > piece->Length)
		return WSAEINVAL;
	messages.buf = at + RIO_CMSG_BASE_SIZE;
	messages.len = head.TotalLength - (ULONG)RIO_CMSG_BASE_SIZE;
	if (!messages.len)
		return 0;
	b->control_len = MAX_CONTROL;
	b->control = malloc(MAX_CONTROL);
	if (!b->control)
		return WSAENOBUFS;
	err = odgw_control_read(&messages, b->control, &b->control_len);
	if (err)
		free(b->control);
	return err;
}

/* gather - what is to be sent, and where to */
static int gather(const struct call *c, struct batched *b)
{
	char *at;
	int err = 0;

	if (c->data) {
		err = find(c->data, 0, &at);
		if (!err && c->data->Length > MAX_BYTES)
			err = WSAEMSGSIZE;
		b->data.addr = (uintptr_t)at;
		b->data.len = c->data->Length;
	}
	if (!err && c->remote) {
		err = find(c->remote, sizeof(b->to), &at);
		if (!err)
			memcpy(&b->to, at, sizeof(b->to));
		if (!err && !b->to.si_family)
			err = WSAEINVAL;
	}
	if (!err && c->msg_flags)
		err = find(c->msg_flags, sizeof(DWORD), &at);
	if (!err && c->control)
		err = take_control(c->control, b);
	return err;
}

/* add - to the batch, which has room, since there is a place; lock held */
static void add(struct odgw_rio_rq *rq, const struct call *c, struct batched *b)
{
	struct odgw_rio_side *side = &rq->side[1];
	uint64_t place = rq->sends->free[side->posted & side->mask];

	b->user_data = place << ODGW_RIO_PLACE_SHIFT | (uintptr_t)rq |
		       ODGW_RIO_SEND;
	b->quiet = c->flags & RIO_MSG_DONT_NOTIFY;
	side->contexts[place] = (uintptr_t)c->context;
	rq->sends->batch[rq->sends->nr++] = *b;
	side->posted++;
}

/* take_back - what was added last: its call fails; lock held */
static void take_back(struct odgw_rio_rq *rq)
{
	free(rq->sends->batch[--rq->sends->nr].control);
	rq->side[1].posted--;
}

static int post(struct odgw_rio_rq *rq, const struct call *c)
{
	struct batched b = { 0 };
	int err;

	if (!rq || !rq->side[1].cq)
		return WSAEINVAL;
	if (c->flags & RIO_MSG_COMMIT_ONLY)
		return commit_only(rq, c);
	if (c->flags & ~MODES || c->count != (c->data ? 1 : 0) || c->local)
		return WSAEINVAL;
	if (odgw_rio_outstanding(&rq->side[1]) >= rq->side[1].room)
		return WSAENOBUFS;
	err = gather(c, &b);
	if (err)
		return err;

	pthread_mutex_lock(&rq->sends->lock);
	add(rq, c, &b);
	if (!(c->flags & RIO_MSG_DEFER))
		err = flush(rq);
	if (err)
		take_back(rq);
	pthread_mutex_unlock(&rq->sends->lock);
	return err;
}

static BOOL enter(RIO_RQ handle, const struct call *c)
{
	int err = odgw_enter();

	if (!err)
		err = post(odgw_slot_get(&odgw_rio_rqs, handle), c);
	return !odgw_leave_failed(err);
}

BOOL WINAPI odgw_rio_send(RIO_RQ handle, PRIO_BUF data, ULONG count, DWORD flags,
			  PVOID context)
{
	struct call c = {
		.data = data,
		.count = count,
		.flags = flags,
		.context = context,
	};

	return enter(handle, &c);
}

BOOL WINAPI odgw_rio_send_ex(RIO_RQ handle, PRIO_BUF data, ULONG count,
			     PRIO_BUF local, PRIO_BUF remote, PRIO_BUF control,
			     PRIO_BUF msg_flags, DWORD flags, PVOID context)
{
	struct call c = {
		.data = data,
		.count = count,
		.local = local,
		.remote = remote,
		.control = control,
		.msg_flags = msg_flags,
		.flags = flags,
		.context = context,
	};

	return enter(handle, &c);
}
