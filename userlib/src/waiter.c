// SPDX-License-Identifier: MIT
/*
 * Waiting for one op: threads asleep until an OVERLAPPED is complete, whoever
 * reaps its completion.
 *
 * The lock protects the list of them; it is inside every queue's lock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/eventfd.h>

#include "queue.h"

struct waiter {
	LPWSAOVERLAPPED ov;
	int fd;				/* eventfd: ov is complete */
	struct odgw_chan *chan;		/* where it, or what sets its event, is in flight */
	struct odgw_event *watched;	/* asleep until it is set, too; or NULL */
	bool silent;			/* which may be done without its bell */
	struct waiter *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiter *waiters;
atomic_uint odgw_nr_waiters;

void odgw_waiters_wake_any(LPWSAOVERLAPPED ov)
{
	struct waiter *w;

	pthread_mutex_lock(&lock);
	for (w = waiters; w; w = w->next)
		if (w->ov == ov)
			odgw_eventfd_set(w->fd);
	pthread_mutex_unlock(&lock);
}

static void add(struct waiter *w)
{
	pthread_mutex_lock(&lock);
	w->next = waiters;
	waiters = w;
	atomic_fetch_add(&odgw_nr_waiters, 1);
	pthread_mutex_unlock(&lock);
}

static void watch(struct waiter *w, struct odgw_event *ev)
{
	w->watched = ev;
	if (!ev)
		return;
	odgw_event_watch(ev);
	w->silent = odgw_event_is_silent(ev);
	if (w->silent)
		atomic_fetch_add(&odgw_process_queue.watchers, 1);
}

static void unwatch(struct waiter *w, bool rang)
{
	if (w->watched)
		odgw_event_unwatch(w->watched, rang);
	if (w->silent)
		atomic_fetch_sub(&odgw_process_queue.watchers, 1);
	w->watched = NULL;
	w->silent = false;
}

/* leave - also when the thread is cancelled asleep; in a child it is on no list */
static void leave(void *arg)
{
	struct waiter *w = arg, **p = &waiters;

	pthread_mutex_lock(&lock);
	while (*p && *p != w)
		p = &(*p)->next;
	if (*p) {
		*p = w->next;
		atomic_fetch_sub(&odgw_nr_waiters, 1);
	}
	pthread_mutex_unlock(&lock);
	unwatch(w, false);
	odgw_queue_unwatch(w->chan);
	odgw_close(w->fd);
}

/*
 * sleep_on - until ov is complete or ev is signaled.  Without an event, and while it
 * may be set without its bell, the port itself is watched: nobody else may come to
 * reap.  Else whoever silences its bell reaps.
 */
static int sleep_on(struct waiter *w, struct odgw_event *ev, int port_fd,
		    uint64_t deadline, bool alertable)
{
	struct pollfd fds[3 + ODGW_SLEEP_SPARE] = {
		{ .fd = w->fd, .events = POLLIN },
		{ .fd = ev ? ev->fd : -1, .events = POLLIN },
		{ .fd = port_fd, .events = POLLIN },
	};
	int ret = ODGW_READY;

	for (;;) {
		odgw_queues_reap();
		if (odgw_overlapped_status(w->ov) != STATUS_PENDING)
			return 0;
		if (ev && atomic_load(&ev->closed))
			return WSA_INVALID_HANDLE;
		if (ev && odgw_event_take(ev))
			return 0;
		if (ret == ODGW_TIMED_OUT)
			return WAIT_TIMEOUT;
		if (alertable && odgw_apc_run())
			return WAIT_IO_COMPLETION;
		fds[1].revents = 0;
		watch(w, ev);
		fds[2].fd = !ev || w->silent ? port_fd : -1;
		ret = ODGW_READY;
		if (odgw_overlapped_status(w->ov) == STATUS_PENDING &&
		    !(ev && odgw_event_is_set(ev)))
			ret = odgw_sleep(fds, 3, deadline, alertable);
		unwatch(w, fds[1].revents);
		if (ret < 0)
			return -ret;
	}
}

/* prepare - WSA_IO_PENDING: there is something to wait for */
static int prepare(struct waiter *w, struct odgw_event **ev, int *port_fd)
{
	enum odgw_notify notify;
	bool found;
	int err;

	found = odgw_queues_find(w->ov, &notify, port_fd, &w->chan);
	if (found && notify == ODGW_NOTIFY_ROUTINE)
		return WSA_INVALID_PARAMETER;
	/* It may have completed since the caller looked. */
	if (odgw_overlapped_status(w->ov) != STATUS_PENDING)
		return 0;
	err = odgw_overlapped_event(w->ov, ev);
	if (err)
		return err;
	if (!found && (!*ev || odgw_is_fork_child()))
		return WSA_OPERATION_ABORTED;
	/* What sets an event without its bell is in flight there. */
	if (*ev) {
		odgw_queue_unwatch(w->chan);
		*port_fd = odgw_queue_watch(&odgw_process_queue, false, &w->chan);
	}
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd < 0 ? odgw_wsa_from_errno(errno) : WSA_IO_PENDING;
}

static void put_event(void *ev)
{
	if (ev)
		odgw_event_put(ev);
}

static int wait_prepared(struct waiter *w, struct odgw_event *ev, int port_fd,
			 uint64_t deadline, bool alertable)
{
	int err;

	add(w);
	pthread_cleanup_push(put_event, ev);
	pthread_cleanup_push(leave, w);
	err = sleep_on(w, ev, port_fd, deadline, alertable);
	pthread_cleanup_pop(1);
	pthread_cleanup_pop(1);
	return err;
}

int odgw_wait_overlapped(LPWSAOVERLAPPED ov, uint64_t deadline, bool alertable)
{
	struct odgw_event *ev = NULL;
	struct waiter w = { .ov = ov };
	int err, port_fd = -1;

	err = prepare(&w, &ev, &port_fd);
	if (err == WSA_IO_PENDING)
		return wait_prepared(&w, ev, port_fd, deadline, alertable);
	put_event(ev);
	odgw_queue_unwatch(w.chan);
	return err;
}

void odgw_waiters_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_waiters_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: none of the sleepers is here. */
void odgw_waiters_forked(void)
{
	waiters = NULL;
	atomic_store(&odgw_nr_waiters, 0);
}
