// SPDX-License-Identifier: MIT
/*
 * All queues: what is asked of all of them.
 *
 * The lock protects the list; each queue is locked in turn, inside it.
 */
#include "chan.h"

/* The process's is the first: it is locked first (fork.c). */
static struct odgw_queue *const queues = &odgw_process_queue;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void odgw_queues_add(struct odgw_queue *q)
{
	pthread_mutex_lock(&lock);
	q->next = queues->next;
	queues->next = q;
	pthread_mutex_unlock(&lock);
}

/* In the child, the list locked, and the queue's channel gone. */
void odgw_queue_forget(struct odgw_queue *q)
{
	struct odgw_queue *p = queues;

	while (p->next != q)
		p = p->next;
	p->next = q->next;
}

void odgw_queues_remove(struct odgw_queue *q)
{
	pthread_mutex_lock(&lock);
	odgw_queue_forget(q);
	pthread_mutex_unlock(&lock);
}

/* for_each - call @fn with each queue locked */
static void for_each(void (*fn)(struct odgw_queue *q, void *arg), void *arg)
{
	struct odgw_queue *q;

	pthread_mutex_lock(&lock);
	for (q = queues; q; q = q->next) {
		pthread_mutex_lock(&q->lock);
		fn(q, arg);
		pthread_mutex_unlock(&q->lock);
	}
	pthread_mutex_unlock(&lock);
}

/*
 * reap_one - what a thread is blocked for it takes itself: it sleeps until its port
 * is readable, and would sleep on if somebody else came first
 */
static void reap_one(struct odgw_queue *q, void *unused)
{
	(void)unused;
	if (!q->blocking)
		odgw_queue_reap_locked(q);
}

void odgw_queues_reap(void)
{
	for_each(reap_one, NULL);
}

static void shut_down_one(struct odgw_queue *q, void *unused)
{
	(void)unused;
	/* A call that blocks is ended by the closing of its socket. */
	if (!q->blocking || !q->chan || !q->chan->in_flight)
		odgw_queue_shut_down(q);
}

void odgw_queues_shutdown(void)
{
	for_each(shut_down_one, NULL);
}

void odgw_queues_lock(void)
{
	struct odgw_queue *q;

	pthread_mutex_lock(&lock);
	for (q = queues; q; q = q->next)
		pthread_mutex_lock(&q->lock);
}

void odgw_queues_unlock(void)
{
	struct odgw_queue *q;

	for (q = queues; q; q = q->next)
		pthread_mutex_unlock(&q->lock);
	pthread_mutex_unlock(&lock);
}

/* In the child, locks held: the ops are the parent's, and so are the ports. */
bool odgw_queues_forked(void)
{
	struct odgw_queue *q;
	bool any = false;

	for (q = queues; q; q = q->next) {
		odgw_queue_drop_notes(q);
		atomic_store(&q->watchers, 0);
		if (!q->chan)
			continue;
		any = true;
		odgw_chan_forget(q->chan);
		q->chan = NULL;
	}
	return any;
}

/* Cancelling */

struct cancel {
	const struct odgw_match *match;
	unsigned int found;
};

static bool matches(const struct odgw_record *rec, const struct odgw_match *match)
{
	return rec->state == ODGW_IN_FLIGHT &&
	       (rec->stored || rec->id != ODGW_STARTING(rec->serial)) &&
	       (match->fd < 0 || odgw_socket_same(rec->op.fd, match->fd)) &&
	       (!match->tid || rec->tid == match->tid) &&
	       (!match->overlapped || rec->op.overlapped == match->overlapped) &&
	       (!match->spares_port || rec->op.ev ||
		rec->op.notify != ODGW_NOTIFY_PACKET);
}

static bool cancel_one(struct odgw_queue *q, struct odgw_record *rec)
{
	return rec->stored ? odgw_rqs_cancel(q, rec) :
			     odg_cancel_id(q->chan->port, rec->id) > 0;
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
			c->found += cancel_one(q, &q->chan->records[i]);
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

unsigned int odgw_queue_cancel_locked(struct odgw_queue *q,
				      const struct odgw_match *match)
{
	struct cancel c = { .match = match };

	cancel_matching(q, &c);
	return c.found;
}

unsigned int odgw_queue_cancel(struct odgw_queue *q, const struct odgw_match *match)
{
	unsigned int found;

	pthread_mutex_lock(&q->lock);
	found = odgw_queue_cancel_locked(q, match);
	pthread_mutex_unlock(&q->lock);
	return found;
}

struct cancel_socket {
	int fd;
	bool blocking;
	unsigned int found;
};

static void cancel_socket(struct odgw_queue *q, void *arg)
{
	struct cancel_socket *c = arg;
	const struct odgw_match of_socket = { .fd = c->fd };
	struct odgw_record *rec;
	uint32_t i;

	if (!q->chan || !q->chan->in_flight || (q->blocking && !c->blocking))
		return;
	for (i = 0; q->chan->rqs && i < q->chan->entries; i++) {
		rec = &q->chan->records[i];
		if (rec->stored && matches(rec, &of_socket))
			c->found += odgw_rqs_cancel(q, rec);
	}
	c->found += odg_cancel_socket(q->chan->port, c->fd) > 0;
}

/* By the kernel's look-up, but for those stored: a descriptor may be a duplicate. */
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
	struct odgw_record *rec;
	uint32_t i;

	if (f->chan || !q->chan || !q->chan->in_flight)
		return;
	for (i = 0; i < q->chan->entries; i++) {
		rec = &q->chan->records[i];
		if (rec->state != ODGW_IN_FLIGHT || rec->op.overlapped != f->ov)
			continue;
		f->notify = rec->op.notify;
		f->chan = odgw_chan_get(q->chan);
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

struct busy {
	int fd;
	bool found;
};

static void busy_one(struct odgw_queue *q, void *arg)
{
	struct busy *b = arg;
	uint32_t i;

	for (i = 0; q->chan && q->chan->in_flight && i < q->chan->entries; i++) {
		const struct odgw_record *rec = &q->chan->records[i];

		if (rec->state == ODGW_IN_FLIGHT && !q->blocking &&
		    odgw_socket_same(rec->op.fd, b->fd))
			b->found = true;
	}
}

bool odgw_queues_busy(int fd)
{
	struct busy b = { .fd = fd };

	for_each(busy_one, &b);
	return b.found;
}

struct rename {
	int fd;
	int to;
};

static void rename_one(struct odgw_queue *q, void *arg)
{
	const struct rename *r = arg;
	uint32_t i;

	for (i = 0; q->chan && q->chan->in_flight && i < q->chan->entries; i++)
		if (q->chan->records[i].op.fd == r->fd)
			q->chan->records[i].op.fd = r->to;
}

void odgw_queues_rename(int fd, int to)
{
	struct rename r = { fd, to };

	for_each(rename_one, &r);
}

static void forget_socket_one(struct odgw_queue *q, void *arg)
{
	if (q->chan && q->chan->rqs)
		odgw_rqs_forget(q->chan, *(int *)arg);
}

void odgw_queues_forget_socket(int fd)
{
	for_each(forget_socket_one, &fd);
}
