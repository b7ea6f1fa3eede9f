// SPDX-License-Identifier: MIT
/*
 * The process's own port and the overlapped ops in flight on it.
 *
 * The port is opened by the first op.  Each op has a record, whose index is its
 * user_data; there are as many records as the queue has entries, so when a
 * record is free, the kernel has room.
 *
 * Completions are taken ("reaped") by whoever needs to know: a wait that was
 * satisfied, a question for a result, a post that finds no free record.
 *
 * The lock protects all of this and is never held over a system call that can
 * sleep for long.  A call that works on the port without it counts as a user:
 * the port is closed when it is dead and the last user has gone.  Completions
 * are written to the program's memory under the lock, so who has held it after
 * an event was set sees all that the event stands for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

/* Bounds the receives pending in one process; 128 bytes of locked memory each. */
#define ENTRIES		4096

struct record {
	struct odgw_op op;
	bool live;
	uint32_t next_free;		/* index + 1; 0 ends the list */
};

struct queue {
	struct odg_port *port;
	uint32_t first_free;		/* index + 1 */
	unsigned int users;
	bool dead;
	struct record records[ENTRIES];
};

/* A thread in odgw_queue_wait(). */
struct waiter {
	LPWSAOVERLAPPED ov;
	int fd;				/* eventfd: ov is complete */
	struct waiter *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queue;		/* NULL until the first op */
static struct waiter *waiters;

/* open_queue - make it if it is not there; lock held */
static int open_queue(void)
{
	struct queue *q;
	uint32_t i;
	int ret;

	if (queue)
		return 0;
	q = calloc(1, sizeof(*q));
	if (!q)
		return WSAENOBUFS;
	ret = odg_port_open(&q->port, ENTRIES, ODG_CQ_WIDE);
	if (ret) {
		free(q);
		return odgw_wsa_from_open(ret);
	}
	for (i = ENTRIES; i-- > 0;) {
		q->records[i].next_free = q->first_free;
		q->first_free = i + 1;
	}
	queue = q;
	return 0;
}

/* use - the queue, kept open until unuse(), or NULL; lock held */
static struct queue *use(void)
{
	if (queue)
		queue->users++;
	return queue;
}

static void destroy(struct queue *q)
{
	odg_port_close(q->port);
	free(q);
}

/* unuse - undo use(); lock held */
static void unuse(struct queue *q)
{
	if (!--q->users && q->dead)
		destroy(q);
}

static void free_record(struct queue *q, struct record *rec)
{
	rec->live = false;
	rec->next_free = q->first_free;
	q->first_free = rec - q->records + 1;
}

/* publish - the op is complete: say so, and wake who waits for it; lock held */
static void publish(const struct odgw_op *op, size_t bytes, uint32_t status)
{
	struct waiter *w;

	odgw_overlapped_finish(op->overlapped, bytes, status);
	for (w = waiters; w; w = w->next)
		if (w->ov == op->overlapped)
			eventfd_write(w->fd, 1);
}

/* finish - write a completion to where its op wants it; lock held */
static void finish(const struct odgw_op *op, const struct odg_cqe_wide *wide)
{
	odgw_address_store(&wide->cqe, op->family, op->from, op->fromlen);
	odgw_observe(op->overlapped, wide);
	publish(op, wide->cqe.len, odgw_status_from_cqe(&wide->cqe));
}

/* reap - finish all that has completed; lock held */
static void reap(struct queue *q)
{
	struct odg_cq *cq = odg_port_cq(q->port);
	uint32_t idx, n = odg_cq_peek(cq, &idx);
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct odg_cqe_wide *wide = odg_cq_read_wide(cq, idx + i);
		struct record *rec = &q->records[wide->cqe.user_data % ENTRIES];

		/* Not live: somebody has scribbled on the queue. */
		if (!rec->live)
			continue;
		finish(&rec->op, wide);
		free_record(q, rec);
	}
	if (n)
		odg_cq_release(cq, n);
}

void odgw_queue_reap(void)
{
	pthread_mutex_lock(&lock);
	if (queue)
		reap(queue);
	pthread_mutex_unlock(&lock);
}

/* take_record - for one op, with the queue in use; lock held */
static int take_record(const struct odgw_op *op, struct record **out)
{
	struct record *rec;
	int err;

	err = open_queue();
	if (err)
		return err;
	if (!queue->first_free)
		reap(queue);
	if (!queue->first_free)
		return WSAEWOULDBLOCK;
	rec = &queue->records[queue->first_free - 1];
	queue->first_free = rec->next_free;
	rec->op = *op;
	rec->live = true;
	*out = rec;
	return 0;
}

int odgw_queue_post(const struct odgw_op *op, int fd, struct odg_recv *recv,
		    struct odg_cqe_wide *cqe, bool *done)
{
	struct record *rec;
	struct queue *q;
	int ret;

	pthread_mutex_lock(&lock);
	ret = take_record(op, &rec);
	if (ret) {
		pthread_mutex_unlock(&lock);
		return ret;
	}
	q = use();
	pthread_mutex_unlock(&lock);

	recv->user_data = rec - q->records;
	recv->result = (uintptr_t)cqe;
	ret = odg_post(q->port, fd, recv, 1);

	pthread_mutex_lock(&lock);
	*done = ret > 0 && recv->state == ODG_RECV_DONE;
	if (*done)
		finish(op, cqe);
	/* If it is pending, the record may have been used again by now. */
	if ((ret < 0 || *done) && rec->live)
		free_record(q, rec);
	unuse(q);
	pthread_mutex_unlock(&lock);
	return ret < 0 ? odgw_wsa_from_errno(ret) : 0;
}

/*
 * odgw_queue_attach - have odgram serve a new socket before its first receive,
 * so that an ICMP error which comes earlier is remembered for it (B-U2).  If that
 * cannot be done, the first receive says why.
 */
void odgw_queue_attach(int fd)
{
	struct queue *q = NULL;

	pthread_mutex_lock(&lock);
	if (!odgw_is_fork_child() && !open_queue())
		q = use();
	pthread_mutex_unlock(&lock);
	if (!q)
		return;
	odg_bind(q->port, fd, 0);
	pthread_mutex_lock(&lock);
	unuse(q);
	pthread_mutex_unlock(&lock);
}

/* owned - whether an op on @ov is in flight; lock held */
static bool owned(LPWSAOVERLAPPED ov)
{
	uint32_t i;

	for (i = 0; queue && i < ENTRIES; i++)
		if (queue->records[i].live &&
		    queue->records[i].op.overlapped == ov)
			return true;
	return false;
}

bool odgw_queue_owns(LPWSAOVERLAPPED ov)
{
	bool ret;

	pthread_mutex_lock(&lock);
	ret = owned(ov);
	pthread_mutex_unlock(&lock);
	return ret;
}

static void add_waiter(struct waiter *w)
{
	w->next = waiters;
	waiters = w;
}

static void remove_waiter(struct waiter *w)
{
	struct waiter **p = &waiters;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
}

/*
 * sleep_on - until ov is complete or ev is signaled; lock held, released while
 * asleep.  Without an event the port itself is watched: nobody else may come
 * to reap.  With one, whoever takes the event from under us reaps.
 */
static int sleep_on(struct waiter *w, struct queue *q, struct odgw_event *ev)
{
	struct pollfd fds[2] = {
		{ .fd = w->fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	bool signaled = false;

	if (ev)
		fds[1].fd = ev->fd;
	else if (q)
		fds[1].fd = odg_port_fd(q->port);

	while (odgw_overlapped_status(w->ov) == STATUS_PENDING && !signaled) {
		pthread_mutex_unlock(&lock);
		odgw_poll(fds, 2, ODGW_FOREVER);
		if (ev && fds[1].revents) {
			signaled = odgw_event_take(ev);
			odgw_event_settle(ev);
		}
		pthread_mutex_lock(&lock);
		if (ev && atomic_load(&ev->closed))
			return WSA_INVALID_HANDLE;
		if (queue)
			reap(queue);
	}
	return 0;
}

int odgw_queue_wait(LPWSAOVERLAPPED ov, struct odgw_event *ev)
{
	struct waiter w = { .ov = ov };
	struct queue *q;
	int err;

	w.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.fd < 0)
		return odgw_wsa_from_errno(errno);

	pthread_mutex_lock(&lock);
	if (queue)
		reap(queue);
	if (odgw_overlapped_status(ov) != STATUS_PENDING) {
		err = 0;
	} else if (!owned(ov) && (!ev || odgw_is_fork_child())) {
		err = WSA_OPERATION_ABORTED;
	} else {
		q = use();
		add_waiter(&w);
		err = sleep_on(&w, q, ev);
		remove_waiter(&w);
		if (q)
			unuse(q);
	}
	pthread_mutex_unlock(&lock);
	close(w.fd);
	return err;
}

/* The ops complete like any other; whoever waits for them will reap. */
void odgw_queue_cancel_socket(int fd)
{
	struct queue *q;

	pthread_mutex_lock(&lock);
	q = use();
	pthread_mutex_unlock(&lock);
	if (!q)
		return;
	odg_cancel_socket(q->port, fd);
	pthread_mutex_lock(&lock);
	unuse(q);
	pthread_mutex_unlock(&lock);
}

void odgw_queue_cancel_thread(void)
{
	struct queue *q;

	pthread_mutex_lock(&lock);
	q = use();
	pthread_mutex_unlock(&lock);
	if (!q)
		return;
	odg_cancel_thread(q->port, gettid());
	pthread_mutex_lock(&lock);
	unuse(q);
	pthread_mutex_unlock(&lock);
}

/* The last WSACleanup(): ops end as cancelled, and no event is set. */
void odgw_queue_shutdown(void)
{
	struct queue *q;
	uint32_t i;

	pthread_mutex_lock(&lock);
	q = queue;
	if (q) {
		reap(q);
		queue = NULL;
		q->dead = true;
		q->users++;
		for (i = 0; i < ENTRIES; i++) {
			if (!q->records[i].live)
				continue;
			q->records[i].live = false;
			publish(&q->records[i].op, 0, STATUS_CANCELLED);
		}
		unuse(q);
	}
	pthread_mutex_unlock(&lock);
}

void odgw_queue_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_queue_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: the ops are the parent's, and so is the port. */
void odgw_queue_forked(void)
{
	waiters = NULL;
	if (queue)
		destroy(queue);
	queue = NULL;
}
