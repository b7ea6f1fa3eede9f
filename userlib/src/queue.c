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
 * the lock, so who has held it after an event was set sees all that the event
 * stands for.
 */
#include <stdlib.h>

#include "queue.h"

/* Bounds what is pending without routine or port; 128 bytes of locked memory each. */
#define PROCESS_ENTRIES	4096

struct record {
	struct odgw_note note;		/* first: a note is found to be of a record */
	struct odgw_op op;
	uint64_t id;			/* for cancelling; 0 while it starts */
	pid_t tid;
	uint32_t serial;
	enum { FREE, IN_FLIGHT, NOTED } state;
	uint32_t next_free;		/* index + 1; 0 ends the list */
};

struct odgw_chan {
	struct odg_port *port;
	atomic_uint refs;
	uint32_t first_free;		/* index + 1 */
	uint32_t in_flight;
	uint32_t entries;
	struct record records[];
};

struct odgw_queue odgw_process_queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.entries = PROCESS_ENTRIES,
};

/* The process's is the first: it is locked first (fork.c, iocp.c). */
static struct odgw_queue *const queues = &odgw_process_queue;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

/* open_chan - make it if it is not there; lock held */
static int open_chan(struct odgw_queue *q)
{
	struct odgw_chan *chan;
	int cancel_state, ret;
	uint32_t i;

	if (q->chan)
		return 0;
	chan = calloc(1, sizeof(*chan) + q->entries * sizeof(*chan->records));
	if (!chan)
		return WSAENOBUFS;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	ret = odg_port_open(&chan->port, q->entries, ODG_CQ_WIDE);
	pthread_setcancelstate(cancel_state, NULL);
	if (ret) {
		free(chan);
		return odgw_wsa_from_open(ret);
	}
	atomic_init(&chan->refs, 1);
	chan->entries = q->entries;
	for (i = chan->entries; i-- > 0;) {
		chan->records[i].next_free = chan->first_free;
		chan->first_free = i + 1;
	}
	q->chan = chan;
	if (q->opened)
		q->opened(q, odg_port_fd(chan->port));
	return 0;
}

static struct odgw_chan *get_chan(struct odgw_chan *chan)
{
	atomic_fetch_add_explicit(&chan->refs, 1, memory_order_relaxed);
	return chan;
}

static void close_port(struct odgw_chan *chan)
{
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	odg_port_close(chan->port);
	pthread_setcancelstate(cancel_state, NULL);
}

static void destroy_chan(struct odgw_chan *chan)
{
	close_port(chan);
	free(chan);
}

static void put_chan(struct odgw_chan *chan)
{
	if (atomic_fetch_sub(&chan->refs, 1) == 1)
		destroy_chan(chan);
}

/* take_record - for one op; lock held */
static int take_record(struct odgw_queue *q, const struct odgw_op *op,
		       struct record **out)
{
	struct record *rec;
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
	rec->id = 0;
	rec->tid = odgw_thread_id();
	rec->serial++;
	rec->state = IN_FLIGHT;
	*out = rec;
	return 0;
}

static void free_record(struct odgw_chan *chan, struct record *rec)
{
	rec->state = FREE;
	rec->next_free = chan->first_free;
	chan->first_free = rec - chan->records + 1;
}

/* publish - the op is complete: say so, and wake who waits for it; lock held */
static void publish(const struct odgw_op *op, const struct odgw_end *end)
{
	odgw_overlapped_finish(op->overlapped, end->bytes, end->status);
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

/* complete - write a completion to where its op wants it; lock held */
static struct odgw_end complete(struct odgw_queue *q, struct record *rec,
				const struct odg_cqe_wide *cqe, bool at_once)
{
	const struct odgw_op *op = &rec->op;
	struct odgw_end end = {
		.bytes = cqe->cqe.len,
		.status = odgw_status_from_cqe(&cqe->cqe),
	};

	q->chan->in_flight--;
	if (op->store)
		op->store(op, cqe, &end);
	publish(op, &end);
	if (wants_note(op, &end, at_once)) {
		rec->note = note_of(op, &end);
		rec->note.home = get_chan(q->chan);
		rec->state = NOTED;
		odgw_queue_add_note(q, &rec->note);
	} else {
		free_record(q->chan, rec);
	}
	return end;
}

/* The record of a completion; NULL: somebody has scribbled on the queue. */
static struct record *record_of(struct odgw_chan *chan, uint64_t user_data)
{
	uint32_t index = (uint32_t)user_data;
	struct record *rec;

	if (index >= chan->entries)
		return NULL;
	rec = &chan->records[index];
	return rec->state == IN_FLIGHT && rec->serial == user_data >> 32 ? rec :
									   NULL;
}

void odgw_queue_reap_locked(struct odgw_queue *q)
{
	struct odg_cq *cq;
	struct record *rec;
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

int odgw_queue_start(struct odgw_queue *q, const struct odgw_op *op,
		     int eventfd, odgw_start start, void *arg,
		     struct odgw_end *end)
{
	struct odgw_ticket ticket = { .eventfd = eventfd };
	struct odgw_chan *chan;
	struct record *rec;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = take_record(q, op, &rec);
	if (ret) {
		pthread_mutex_unlock(&q->lock);
		return ret;
	}
	chan = get_chan(q->chan);
	ticket.user_data = (uint64_t)rec->serial << 32 |
			   (uint32_t)(rec - chan->records);
	pthread_mutex_unlock(&q->lock);

	ret = start(chan->port, &ticket, arg);

	pthread_mutex_lock(&q->lock);
	if (q->chan != chan || record_of(chan, ticket.user_data) != rec) {
		/* Completed meanwhile, or shut down: then it is cancelled. */
		ret = ret < 0 ? odgw_wsa_from_errno(ret) : WSA_IO_PENDING;
	} else if (ret < 0) {
		chan->in_flight--;
		free_record(chan, rec);
		ret = odgw_wsa_from_errno(ret);
	} else if (ret) {
		*end = complete(q, rec, &ticket.done, true);
		ret = 0;
	} else {
		rec->id = ticket.id;
		ret = WSA_IO_PENDING;
	}
	pthread_mutex_unlock(&q->lock);
	put_chan(chan);
	return ret;
}

int odgw_queue_watch(struct odgw_queue *q, struct odgw_chan **chan)
{
	pthread_mutex_lock(&q->lock);
	*chan = q->chan ? get_chan(q->chan) : NULL;
	pthread_mutex_unlock(&q->lock);
	return *chan ? odg_port_fd((*chan)->port) : -1;
}

void odgw_queue_unwatch(struct odgw_chan *chan)
{
	if (chan)
		put_chan(chan);
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
		free_record(note->home, (struct record *)first);
		put_chan(note->home);
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
	publish(op, end);
	if (note)
		odgw_queue_add_note(q, note);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

/* All queues */

void odgw_queue_init(struct odgw_queue *q, uint32_t entries)
{
	*q = (struct odgw_queue){ .entries = entries };
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_lock(&list_lock);
	q->next = queues->next;
	queues->next = q;
	pthread_mutex_unlock(&list_lock);
}

static void drop_notes(struct odgw_queue *q)
{
	struct odgw_note note;

	while (odgw_notes_pop(&q->notes, &note))
		;
}

/*
 * shut_down - end what is in flight as cancelled, without notes; lock held.  The
 * port is closed before that shows, so the kernel does not touch the buffers any
 * more; but for an op that another thread is starting in this moment.
 */
static void shut_down(struct odgw_queue *q)
{
	static const struct odgw_end cancelled = { .status = STATUS_CANCELLED };
	struct odgw_chan *chan = q->chan;
	bool last;
	uint32_t i;

	if (!chan)
		return;
	odgw_queue_reap_locked(q);
	q->chan = NULL;
	last = atomic_load(&chan->refs) == 1;
	if (last)
		close_port(chan);
	for (i = 0; i < chan->entries; i++)
		if (chan->records[i].state == IN_FLIGHT) {
			chan->records[i].state = FREE;
			publish(&chan->records[i].op, &cancelled);
		}
	if (last)
		free(chan);
	else
		put_chan(chan);
}

/* In the child, the list locked, and the queue's channel gone. */
void odgw_queue_forget(struct odgw_queue *q)
{
	struct odgw_queue *p = queues;

	while (p->next != q)
		p = p->next;
	p->next = q->next;
}

void odgw_queue_fini(struct odgw_queue *q)
{
	pthread_mutex_lock(&list_lock);
	odgw_queue_forget(q);
	pthread_mutex_unlock(&list_lock);

	pthread_mutex_lock(&q->lock);
	shut_down(q);
	drop_notes(q);
	pthread_mutex_unlock(&q->lock);
}

/* for_each - call @fn with each queue locked */
static void for_each(void (*fn)(struct odgw_queue *q, void *arg), void *arg)
{
	struct odgw_queue *q;

	pthread_mutex_lock(&list_lock);
	for (q = queues; q; q = q->next) {
		pthread_mutex_lock(&q->lock);
		fn(q, arg);
		pthread_mutex_unlock(&q->lock);
	}
	pthread_mutex_unlock(&list_lock);
}

static void reap_one(struct odgw_queue *q, void *unused)
{
	(void)unused;
	odgw_queue_reap_locked(q);
}

void odgw_queues_reap(void)
{
	for_each(reap_one, NULL);
}

static void shut_down_one(struct odgw_queue *q, void *unused)
{
	(void)unused;
	shut_down(q);
}

void odgw_queues_shutdown(void)
{
	for_each(shut_down_one, NULL);
}

void odgw_queues_lock(void)
{
	struct odgw_queue *q;

	pthread_mutex_lock(&list_lock);
	for (q = queues; q; q = q->next)
		pthread_mutex_lock(&q->lock);
}

void odgw_queues_unlock(void)
{
	struct odgw_queue *q;

	for (q = queues; q; q = q->next)
		pthread_mutex_unlock(&q->lock);
	pthread_mutex_unlock(&list_lock);
}

/* In the child, locks held: the ops are the parent's, and so are the ports. */
void odgw_queues_forked(void)
{
	struct odgw_queue *q;

	for (q = queues; q; q = q->next) {
		drop_notes(q);
		if (q->chan)
			destroy_chan(q->chan);
		q->chan = NULL;
	}
}

/* Cancelling */

struct cancel {
	const struct odgw_match *match;
	unsigned int found;
};

static bool matches(const struct record *rec, const struct odgw_match *match)
{
	return rec->state == IN_FLIGHT && rec->id &&
	       (match->fd < 0 || rec->op.fd == match->fd) &&
	       (!match->tid || rec->tid == match->tid) &&
	       (!match->overlapped || rec->op.overlapped == match->overlapped) &&
	       (!match->spares_port || rec->op.has_event ||
		rec->op.notify != ODGW_NOTIFY_PACKET);
}

/* The ops complete like any other; whoever waits for them will reap. */
static void cancel_matching(struct odgw_queue *q, void *arg)
{
	struct cancel *c = arg;
	uint32_t i;

	if (!q->chan || !q->chan->in_flight)
		return;
	for (i = 0; i < q->chan->entries; i++)
		if (matches(&q->chan->records[i], c->match))
			c->found += odg_cancel_id(q->chan->port,
						  q->chan->records[i].id) > 0;
}

static void cancel_overlapped(struct odgw_queue *q, void *arg)
{
	if (!q->blocking)
		cancel_matching(q, arg);
}

unsigned int odgw_queues_cancel(const struct odgw_match *match)
{
	struct cancel c = { .match = match };

	for_each(cancel_overlapped, &c);
	return c.found;
}

unsigned int odgw_queue_cancel(struct odgw_queue *q,
			       const struct odgw_match *match)
{
	struct cancel c = { .match = match };

	pthread_mutex_lock(&q->lock);
	cancel_matching(q, &c);
	pthread_mutex_unlock(&q->lock);
	return c.found;
}

struct cancel_socket {
	int fd;
	bool blocking;
	unsigned int found;
};

static void cancel_socket(struct odgw_queue *q, void *arg)
{
	struct cancel_socket *c = arg;

	if (q->chan && q->chan->in_flight && (c->blocking || !q->blocking))
		c->found += odg_cancel_socket(q->chan->port, c->fd) > 0;
}

/* By the kernel's look-up: a descriptor may be a duplicate. */
unsigned int odgw_queues_cancel_socket(int fd, bool blocking)
{
	struct cancel_socket c = { .fd = fd, .blocking = blocking };

	for_each(cancel_socket, &c);
	return c.found;
}

/* Looking for one op */

struct find {
	LPWSAOVERLAPPED ov;
	struct odgw_chan *chan;
	enum odgw_notify notify;
};

static void find_one(struct odgw_queue *q, void *arg)
{
	struct find *f = arg;
	struct record *rec;
	uint32_t i;

	if (f->chan || !q->chan || !q->chan->in_flight)
		return;
	for (i = 0; i < q->chan->entries; i++) {
		rec = &q->chan->records[i];
		if (rec->state != IN_FLIGHT || rec->op.overlapped != f->ov)
			continue;
		f->notify = rec->op.notify;
		f->chan = get_chan(q->chan);
		return;
	}
}

/* If @ov is in flight: how it is told, and where, as odgw_queue_watch() does. */
bool odgw_queues_find(LPWSAOVERLAPPED ov, enum odgw_notify *notify, int *fd,
		      struct odgw_chan **chan)
{
	struct find f = { .ov = ov };

	for_each(find_one, &f);
	if (!f.chan)
		return false;
	*notify = f.notify;
	*fd = odg_port_fd(f.chan->port);
	*chan = f.chan;
	return true;
}

int odgw_queue_attach(int fd, uint32_t flags)
{
	struct odgw_queue *q = &odgw_process_queue;
	struct odgw_chan *chan = NULL;
	int ret;

	pthread_mutex_lock(&q->lock);
	if (!odgw_is_fork_child() && !open_chan(q))
		chan = get_chan(q->chan);
	pthread_mutex_unlock(&q->lock);
	if (!chan)
		return WSASYSNOTREADY;
	ret = odg_bind(chan->port, fd, flags);
	put_chan(chan);
	return ret ? odgw_wsa_from_errno(ret) : 0;
}
