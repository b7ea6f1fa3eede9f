// SPDX-License-Identifier: MIT
/*
 * A queue: a kernel port, the records of the ops in flight on it, and the notes
 * of those that have completed (queue.h).
 *
 * Port and records ("channel") are made by the first op.  The index and serial
 * number of an op's record are its user_data; there are as many records as the
 * port has entries, so when a record is free, the kernel has room.  A record
 * serves as its op's note, too, and is free when that has been told.
 *
 * Completions are taken ("reaped") by whoever needs to know: a wait that was
 * satisfied, a question for a result, a post that finds no free record.
 *
 * The queue's lock protects all of this.  A call that works on the port without
 * it holds a reference to the channel, and so does each note; the port is closed
 * with the last of them.  Completions are written to the program's memory under
 * the lock, and an event is set after them: who finds it set sees all it stands for.
 */
#include <stdlib.h>

#include "chan.h"
#include "iocp.h"
#include "port.h"

/* Bounds what is pending without routine or port; 128 bytes of locked memory each. */
#define PROCESS_ENTRIES	4096

struct odgw_queue odgw_process_queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.entries = PROCESS_ENTRIES,
};

static int make_chan(struct odgw_queue *q)
{
	struct odgw_chan *chan;
	uint32_t i;
	int ret;

	chan = calloc(1, sizeof(*chan) + q->entries * sizeof(*chan->records));
	if (!chan)
		return WSAENOBUFS;
	ret = odg_port_open(&chan->port, q->entries,
			    q->blocking ? ODG_CQ_WIDE : ODG_CQ_WIDE | ODG_CQ_WATCH);
	if (ret) {
		free(chan);
		return odgw_wsa_from_open(ret);
	}
	atomic_init(&chan->refs, 1);
	chan->changes = odgn_port_changes(chan->port);
	chan->entries = q->entries;
	for (i = chan->entries; i-- > 0;) {
		chan->records[i].index = i;
		chan->records[i].next_free = chan->first_free;
		chan->first_free = i + 1;
	}
	q->chan = chan;
	odgw_watch_start();
	if (q->opened)
		q->opened(q, chan->port);
	return 0;
}

/* open_chan - make it if it is not there; lock held */
static int open_chan(struct odgw_queue *q)
{
	return q->chan ? 0 : make_chan(q);
}

void odgw_chan_destroy(struct odgw_chan *chan)
{
	odg_port_close(chan->port);
	free(chan);
}

void odgw_chan_forget(struct odgw_chan *chan)
{
	uint32_t i;

	for (i = 0; i < chan->entries; i++) {
		if (chan->records[i].state != ODGW_IN_FLIGHT)
			continue;
		odgw_rqs_left(&chan->records[i]);
		if (chan->records[i].op.ev)
			odgw_event_put(chan->records[i].op.ev);
	}
	odgw_rqs_forked(chan);
	odg_port_close(chan->port);
	chan->port = NULL;
	odgw_chan_put(chan);
}

/* take_record - for one op; lock held */
static int take_record(struct odgw_queue *q, const struct odgw_op *op,
		       struct odgw_record **out)
{
	struct odgw_record *rec;
	int err;

	err = open_chan(q);
	if (err)
		return err;
	if (!q->chan->first_free)
		odgw_queue_reap_locked(q);
	if (!q->chan->first_free)
		return WSAEWOULDBLOCK;
	rec = &q->chan->records[q->chan->first_free - 1];
	q->chan->first_free = rec->next_free;
	q->chan->in_flight++;
	rec->op = *op;
	rec->tid = odgw_thread_id();
	odgw_record_renew(rec);
	rec->state = ODGW_IN_FLIGHT;
	*out = rec;
	return 0;
}

/* free_record - its op is told, or never was one; lock held */
static void free_record(struct odgw_chan *chan, struct odgw_record *rec)
{
	rec->state = ODGW_FREE;
	rec->next_free = chan->first_free;
	chan->first_free = rec->index + 1;
}

/*
 * publish - the op is complete: say so, and wake who waits for it; lock held
 * @signal: what its event needs to be set, or NULL
 */
static void publish(const struct odgw_op *op, const struct odgw_end *end,
		    void (*signal)(struct odgw_event *ev))
{
	odgw_overlapped_finish(op->overlapped, end->bytes, end->status);
	if (!op->ev)
		odgw_assoc_signal(op->fd, true);
	else if (signal)
		signal(op->ev);
	if (op->ev)
		odgw_event_put(op->ev);
	odgw_waiters_wake(op->overlapped);
}

static struct odgw_note note_of(const struct odgw_op *op,
				const struct odgw_end *end)
{
	return (struct odgw_note){
		.overlapped = op->overlapped,
		.routine = op->routine,
		.key = op->key,
		.end = *end,
	};
}

static bool wants_note(const struct odgw_op *op, const struct odgw_end *end,
		       bool at_once)
{
	return op->notify != ODGW_NOTIFY_NONE &&
	       !(at_once && op->quiet && !odgw_status_is_error(end->status));
}

/* stay - the op does not move to a port, or not any more; lock held */
static void stay(struct odgw_record *rec)
{
	if (!rec->to)
		return;
	odgw_iocp_stray_gone(rec->to);
	free(rec->spare);
	rec->to = NULL;
}

/* move - to the port that its socket was bound to meanwhile; lock held */
static void move(struct odgw_record *rec, const struct odgw_end *end)
{
	struct odgw_iocp *to = rec->to;

	rec->to = NULL;
	*rec->spare = note_of(&rec->op, end);
	odgw_iocp_deliver(to, rec->spare);
	odgw_iocp_stray_gone(to);
}

/* complete - write a completion to where its op wants it; lock held */
static struct odgw_end complete(struct odgw_queue *q, struct odgw_record *rec,
				const struct odg_cqe_wide *cqe, bool at_once)
{
	const struct odgw_op *op = &rec->op;
	struct odgw_end end = {
		.bytes = cqe->cqe.len,
		.status = odgw_status_from_cqe(&cqe->cqe),
	};
	bool rang;

	q->chan->in_flight--;
	if (op->store)
		op->store(op, cqe, &end);
	rang = !odgw_rqs_left(rec);
	publish(op, &end, rang ? odgw_event_completed : odgw_event_set);
	if (rec->to)
		move(rec, &end);
	if (wants_note(op, &end, at_once)) {
		rec->note = note_of(op, &end);
		rec->note.home = odgw_chan_get(q->chan);
		rec->state = ODGW_NOTED;
		odgw_queue_add_note(q, &rec->note);
	} else {
		free_record(q->chan, rec);
	}
	return end;
}

/* The record of a completion; NULL: somebody has scribbled on the queue. */
static struct odgw_record *record_of(struct odgw_chan *chan, uint64_t user_data)
{
	uint32_t index = (uint32_t)user_data;
	struct odgw_record *rec;

	if (index >= chan->entries)
		return NULL;
	rec = &chan->records[index];
	return rec->state == ODGW_IN_FLIGHT && rec->serial == user_data >> 32 ? rec :
									   NULL;
}

void odgw_queue_reap_locked(struct odgw_queue *q)
{
	struct odg_cq *cq;
	struct odgw_record *rec;
	uint32_t i, idx, n;

	if (!q->chan)
		return;
	cq = odg_port_cq(q->chan->port);
	n = odg_cq_peek(cq, &idx);
	for (i = 0; i < n; i++) {
		const struct odg_cqe_wide *cqe = odg_cq_read_wide(cq, idx + i);

		rec = record_of(q->chan, cqe->cqe.user_data);
		if (rec)
			complete(q, rec, cqe, false);
	}
	if (n)
		odg_cq_release(cq, n);
}

void odgw_queue_reap(struct odgw_queue *q)
{
	pthread_mutex_lock(&q->lock);
	odgw_queue_reap_locked(q);
	pthread_mutex_unlock(&q->lock);
}

/* settle - an op that did not pend */
static int settle(struct odgw_queue *q, struct odgw_chan *chan,
		  struct odgw_record *rec, const struct odgw_ticket *ticket,
		  int ret, struct odgw_end *end)
{
	pthread_mutex_lock(&q->lock);
	if (q->chan != chan || record_of(chan, ticket->user_data) != rec) {
		/* Shut down meanwhile: then it is cancelled. */
		ret = WSA_IO_PENDING;
	} else if (ret < 0) {
		chan->in_flight--;
		stay(rec);
		free_record(chan, rec);
		ret = odgw_wsa_from_errno(ret);
	} else {
		/* what came before is told before */
		odgw_queue_reap_locked(q);
		*end = complete(q, rec, ticket->done, true);
		ret = 0;
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* start_by_call - with a record; lock held, and released */
static int start_by_call(struct odgw_queue *q, struct odgw_record *rec,
			 const struct odgw_op *op, odgw_start start, void *arg,
			 struct odgw_end *end)
{
	struct odg_cqe_wide done;
	struct odgw_chan *chan = odgw_chan_get(q->chan);
	struct odgw_ticket ticket = {
		.user_data = odgw_record_user_data(rec),
		.eventfd = op->ev ? op->ev->fd : -1,
		.done = &done,
	};
	uint64_t starting = ODGW_STARTING(rec->serial);
	uint64_t changes = op->segs ? odgw_rqs_changes(q, op) : 0;
	int ret;

	pthread_mutex_unlock(&q->lock);
	ret = start(chan->port, &ticket, arg);
	if (!ret) {
		/* It has completed meanwhile, or been shut down: the record is another's. */
		if (!atomic_compare_exchange_strong(&rec->id, &starting, ticket.id))
			odg_cancel_id(chan->port, ticket.id);
		ret = WSA_IO_PENDING;
		if (changes)
			odgw_rqs_pended(q, chan, op, changes);
	} else {
		ret = settle(q, chan, rec, &ticket, ret, end);
	}
	odgw_chan_put(chan);
	return ret;
}

int odgw_queue_start(struct odgw_queue *q, const struct odgw_op *op,
		     odgw_start start, void *arg, struct odgw_end *end)
{
	struct odgw_record *rec;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = take_record(q, op, &rec);
	if (!ret && op->segs && odgw_rqs_store(q, rec))
		ret = WSA_IO_PENDING;
	if (!ret)
		return start_by_call(q, rec, op, start, arg, end);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

int odgw_queue_try(struct odgw_queue *q, odgw_start start, void *arg,
		   struct odg_cqe_wide *done)
{
	struct odgw_ticket ticket = { .eventfd = -1, .done = done };
	struct odgw_chan *chan;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = open_chan(q);
	chan = ret ? NULL : odgw_chan_get(q->chan);
	pthread_mutex_unlock(&q->lock);
	if (!chan)
		return ret;
	ret = start(chan->port, &ticket, arg);
	odgw_chan_put(chan);
	return ret < 0 ? odgw_wsa_from_errno(ret) : 0;
}

int odgw_queue_watch(struct odgw_queue *q, bool open, struct odgw_chan **chan)
{
	pthread_mutex_lock(&q->lock);
	if (open && !odgw_is_fork_child())
		open_chan(q);
	*chan = q->chan ? odgw_chan_get(q->chan) : NULL;
	pthread_mutex_unlock(&q->lock);
	return *chan ? odg_port_fd((*chan)->port) : -1;
}

void odgw_queue_unwatch(struct odgw_chan *chan)
{
	if (chan)
		odgw_chan_put(chan);
}

bool odgw_queue_has(struct odgw_queue *q, const struct odgw_chan *chan)
{
	bool ret;

	pthread_mutex_lock(&q->lock);
	ret = q->chan == chan;
	pthread_mutex_unlock(&q->lock);
	return ret;
}

uint32_t odgw_queue_arm_locked(struct odgw_queue *q)
{
	return q->chan ? odg_cq_arm(odg_port_cq(q->chan->port)) : 0;
}

/* Notes */

void odgw_notes_add(struct odgw_notes *notes, struct odgw_note *note)
{
	note->next = NULL;
	if (notes->first)
		notes->last->next = note;
	else
		notes->first = note;
	notes->last = note;
}

/* A copy of it; a record's is free again. */
bool odgw_notes_pop(struct odgw_notes *notes, struct odgw_note *note)
{
	struct odgw_note *first = notes->first;

	if (!first)
		return false;
	notes->first = first->next;
	*note = *first;
	if (note->home) {
		free_record(note->home, (struct odgw_record *)first);
		odgw_chan_put(note->home);
	} else {
		free(first);
	}
	return true;
}

void odgw_queue_add_note(struct odgw_queue *q, struct odgw_note *note)
{
	odgw_notes_add(&q->notes, note);
	if (q->noted)
		q->noted(q);
}

int odgw_queue_tell(struct odgw_queue *q, const struct odgw_op *op,
		    const struct odgw_end *end)
{
	struct odgw_note *note = NULL;

	if (wants_note(op, end, true)) {
		note = malloc(sizeof(*note));
		if (!note)
			return WSAENOBUFS;
		*note = note_of(op, end);
	}
	pthread_mutex_lock(&q->lock);
	/* The kernel rang no bell for it. */
	publish(op, end, odgw_event_set);
	if (note)
		odgw_queue_add_note(q, note);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

/*
 * The ops in flight on a socket that is bound to a port now: their packets go there
 * (B-CP3).  An error: no memory, and those that remain stay silent.
 */
int odgw_queue_redirect(int fd, struct odgw_iocp *to, ULONG_PTR key)
{
	struct odgw_queue *q = &odgw_process_queue;
	struct odgw_record *rec;
	uint32_t i;
	int err = 0;

	pthread_mutex_lock(&q->lock);
	odgw_queue_reap_locked(q);
	for (i = 0; q->chan && q->chan->in_flight && i < q->chan->entries; i++) {
		rec = &q->chan->records[i];
		if (rec->state != ODGW_IN_FLIGHT || rec->op.no_packet || rec->to ||
		    !odgw_socket_same(rec->op.fd, fd))
			continue;
		rec->spare = malloc(sizeof(*rec->spare));
		if (!rec->spare) {
			err = ERROR_NOT_ENOUGH_MEMORY;
			break;
		}
		rec->to = to;
		rec->op.key = key;
		odgw_iocp_stray(to, odg_port_fd(q->chan->port));
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}

/* The port is going. */
void odgw_queue_redirect_end(const struct odgw_iocp *to)
{
	struct odgw_queue *q = &odgw_process_queue;
	uint32_t i;

	pthread_mutex_lock(&q->lock);
	for (i = 0; q->chan && i < q->chan->entries; i++)
		if (q->chan->records[i].to == to)
			stay(&q->chan->records[i]);
	pthread_mutex_unlock(&q->lock);
}

/* Beginning and end */

void odgw_queue_init(struct odgw_queue *q, uint32_t entries)
{
	*q = (struct odgw_queue){ .entries = entries };
	pthread_mutex_init(&q->lock, NULL);
	odgw_queues_add(q);
}

void odgw_queue_drop_notes(struct odgw_queue *q)
{
	struct odgw_note note;

	while (odgw_notes_pop(&q->notes, &note))
		;
}

/* abandon - an op of a port that is shut down; lock held */
static void abandon(struct odgw_record *rec)
{
	static const struct odg_cqe_wide cqe = { .cqe.status = -ECANCELED };
	struct odgw_end end = { .status = STATUS_CANCELLED };

	rec->state = ODGW_FREE;
	odgw_rqs_left(rec);
	odgw_record_renew(rec);
	if (rec->op.store)
		rec->op.store(&rec->op, &cqe, &end);
	publish(&rec->op, &end, NULL);
	stay(rec);
}

/*
 * odgw_queue_shut_down - end what is in flight as cancelled, without notes, and
 * without setting events; lock held
 *
 * Before that shows, the port is closed, or, if a note or a sleeper keeps it open, all
 * ops are cancelled: the kernel does not touch the buffers any more.  One that another
 * thread is starting in this moment is cancelled by that.
 */
void odgw_queue_shut_down(struct odgw_queue *q)
{
	static const struct odgw_match any = { .fd = -1 };
	struct odgw_chan *chan = q->chan;
	bool last;
	uint32_t i;

	if (!chan)
		return;
	odgw_queue_reap_locked(q);
	last = atomic_load(&chan->refs) == 1;
	if (!last)
		odgw_queue_cancel_locked(q, &any);
	q->chan = NULL;
	odgw_rqs_close(chan);
	if (last)
		odg_port_close(chan->port);
	for (i = 0; i < chan->entries; i++)
		if (chan->records[i].state == ODGW_IN_FLIGHT)
			abandon(&chan->records[i]);
	if (last)
		free(chan);
	else
		odgw_chan_put(chan);
}

/*
 * Ops are cancelled first, not only dropped with the port: a datagram is then either
 * in one of them, and its OVERLAPPED says so, or goes to another op.
 */
void odgw_queue_fini(struct odgw_queue *q)
{
	static const struct odgw_match any = { .fd = -1 };

	odgw_queues_remove(q);
	pthread_mutex_lock(&q->lock);
	odgw_queue_cancel_locked(q, &any);
	odgw_queue_shut_down(q);
	odgw_queue_drop_notes(q);
	pthread_mutex_unlock(&q->lock);
}

/* process_chan - of the process's queue, with a reference; or NULL */
static struct odgw_chan *process_chan(void)
{
	struct odgw_queue *q = &odgw_process_queue;
	struct odgw_chan *chan = NULL;

	pthread_mutex_lock(&q->lock);
	if (!odgw_is_fork_child() && !open_chan(q))
		chan = odgw_chan_get(q->chan);
	pthread_mutex_unlock(&q->lock);
	return chan;
}

int odgw_queue_attach(int fd, uint32_t flags, uint32_t max_joined)
{
	struct odgw_chan *chan = process_chan();
	struct odg_port *watch = odgw_watch_port();
	int ret;

	if (!chan)
		return WSASYSNOTREADY;
	ret = odg_bind_joined(watch ? watch : chan->port, fd, flags, max_joined);
	odgw_chan_put(chan);
	return ret ? odgw_wsa_from_errno(ret) : 0;
}

bool odgw_queue_stats(int fd, struct odg_sock_stats *stats)
{
	struct odgw_chan *chan = process_chan();
	int ret;

	if (!chan)
		return false;
	ret = odg_sock_read_stats(chan->port, fd, stats);
	odgw_chan_put(chan);
	return !ret;
}
