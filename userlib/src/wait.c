// SPDX-License-Identifier: MIT
/*
 * Waiting for events, and for what else has a handle.
 *
 * A socket or a completion port has an event that the library sets when it takes
 * completions; so who waits for one polls the ports where these come, too.
 *
 * Whoever comes back from a wait finds everything an event stands for written:
 * it waits out a post still settling on that event, then takes completions out
 * of the queue, or waits for the thread that does (the queue's lock).
 *
 * No locks of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "iocp.h"

#define NSEC_PER_SEC	1000000000ULL
#define NSEC_PER_MSEC	1000000ULL

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t odgw_deadline(DWORD ms)
{
	return ms == INFINITE ? ODGW_FOREVER : now() + ms * NSEC_PER_MSEC;
}

uint64_t odgw_time_left(uint64_t deadline)
{
	uint64_t t;

	if (deadline == ODGW_FOREVER)
		return ODGW_FOREVER;
	t = now();
	return t < deadline ? deadline - t : 0;
}

int odgw_poll(struct pollfd *fds, unsigned int n, uint64_t deadline)
{
	int ret;

	do {
		uint64_t ns = odgw_time_left(deadline);
		struct timespec left = {
			.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			.tv_nsec = (long)(ns % NSEC_PER_SEC),
		};

		ret = ppoll(fds, n, ns == ODGW_FOREVER ? NULL : &left, NULL);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* The process's port, and a completion port for each object. */
#define MAX_WATCHED	(MAXIMUM_WAIT_OBJECTS + 1)

struct wait {
	struct odgw_object *obj[MAXIMUM_WAIT_OBJECTS];
	struct odgw_event *ev[MAXIMUM_WAIT_OBJECTS];
	struct odgw_chan *watched[MAX_WATCHED];
	int watched_fd[MAX_WATCHED];
	struct pollfd fds[MAXIMUM_WAIT_OBJECTS + MAX_WATCHED + ODGW_SLEEP_SPARE];
	unsigned int n;			/* objects */
	unsigned int nr_watched;
	uint64_t deadline;
	bool alertable;
	int err;
};

/* failed - WAIT_FAILED, and why */
static DWORD failed(struct wait *w, int err)
{
	w->err = err;
	return WAIT_FAILED;
}

static bool any_closed(const struct wait *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++)
		if (atomic_load(&w->ev[i]->closed))
			return true;
	return false;
}

/*
 * sleep_on - until one of w->fds is ready: 0.  Else what the wait returns.  What
 * the thread has to run comes first.
 */
static DWORD sleep_on(struct wait *w)
{
	unsigned int i;
	int slept;

	for (i = 0; i < w->nr_watched; i++)
		w->fds[w->n + i] = (struct pollfd){
			.fd = w->watched_fd[i],
			.events = POLLIN,
		};
	do {
		if (w->alertable && odgw_apc_run())
			return WAIT_IO_COMPLETION;
		slept = odgw_sleep(w->fds, w->n + w->nr_watched, w->deadline,
				   w->alertable);
	} while (slept == ODGW_ALERTED);
	if (slept < 0)
		return failed(w, -slept);
	if (any_closed(w))
		return failed(w, WSA_INVALID_HANDLE);
	if (slept == ODGW_TIMED_OUT)
		return WAIT_TIMEOUT;
	for (i = 0; i < w->nr_watched; i++)
		if (w->fds[w->n + i].revents) {
			odgw_queues_reap();
			break;
		}
	return 0;
}

/* wait_any - WAIT_OBJECT_0 + the lowest index signaled, and take that one */
static DWORD wait_any(struct wait *w)
{
	unsigned int i;
	DWORD ret;

	for (;;) {
		ret = sleep_on(w);
		if (ret)
			return ret;
		for (i = 0; i < w->n; i++)
			if (w->fds[i].revents && odgw_event_take(w->ev[i]))
				return WAIT_OBJECT_0 + i;
	}
}

/* wait_all - when all are signaled at one moment, take them all */
static DWORD wait_all(struct wait *w)
{
	unsigned int i;
	DWORD ret = 0;

	if (w->alertable && odgw_apc_run())
		return WAIT_IO_COMPLETION;
	while (!odgw_event_take_all(w->ev, w->n)) {
		/* Sleep on those that were not signaled at the last look. */
		if (odgw_poll(w->fds, w->n, 0) == (int)w->n)
			continue;
		for (i = 0; i < w->n; i++)
			w->fds[i].fd = w->fds[i].revents ? -1 : w->ev[i]->fd;
		ret = sleep_on(w);
		for (i = 0; i < w->n; i++)
			w->fds[i].fd = w->ev[i]->fd;
		if (ret)
			return ret;
	}
	return any_closed(w) ? failed(w, WSA_INVALID_HANDLE) : WAIT_OBJECT_0;
}

static bool has_duplicates(const HANDLE *handles, DWORD n)
{
	DWORD i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (handles[i] == handles[j])
				return true;
	return false;
}

static void watch(struct wait *w, struct odgw_queue *q)
{
	w->watched_fd[w->nr_watched] =
		odgw_queue_watch(q, true, &w->watched[w->nr_watched]);
	w->nr_watched++;
}

/* add_socket - false: it is none, or there is no memory */
static bool add_socket(struct wait *w, HANDLE h)
{
	struct odgw_assoc assoc;
	struct odgw_socket sock;
	int err;

	if (odgw_socket_lookup((SOCKET)h, &sock))
		return false;
	w->ev[w->n] = odgw_assoc_event(sock.fd, &err);
	if (!w->ev[w->n])
		return false;
	w->obj[w->n] = &w->ev[w->n]->obj;
	if (!w->nr_watched)
		watch(w, &odgw_process_queue);
	assoc = odgw_assoc_get(sock.fd);
	if (assoc.port) {
		watch(w, &assoc.port->queue);
		odgw_object_put(&assoc.port->obj);
	}
	return true;
}

static bool add_object(struct wait *w, HANDLE h)
{
	struct odgw_object *obj = odgw_handle_get(h, NULL);

	if (!obj)
		return false;
	w->ev[w->n] = obj->type->waitable(obj);
	if (!w->ev[w->n]) {
		odgw_object_put(obj);
		return false;
	}
	w->obj[w->n] = obj;
	if (obj->type == &odgw_iocp_type) {
		if (!w->nr_watched)
			watch(w, &odgw_process_queue);
		watch(w, &((struct odgw_iocp *)obj)->queue);
	}
	return true;
}

/* add - one more to wait for; false: its handle is bad */
static bool add(struct wait *w, HANDLE h)
{
	if (!add_object(w, h) && !add_socket(w, h))
		return false;
	w->fds[w->n].fd = w->ev[w->n]->fd;
	w->fds[w->n].events = POLLIN;
	w->n++;
	return true;
}

/* end - also when the thread is cancelled asleep */
static void end(void *arg)
{
	struct wait *w = arg;

	while (w->nr_watched)
		odgw_queue_unwatch(w->watched[--w->nr_watched]);
	while (w->n)
		odgw_object_put(w->obj[--w->n]);
}

static DWORD run(struct wait *w, bool all)
{
	unsigned int i;
	DWORD ret;

	if (w->nr_watched)
		odgw_queues_reap();
	ret = all ? wait_all(w) : wait_any(w);
	if (ret >= MAXIMUM_WAIT_OBJECTS)
		return ret;
	for (i = 0; all && i < w->n; i++)
		odgw_event_settle(w->ev[i]);
	if (!all)
		odgw_event_settle(w->ev[ret - WAIT_OBJECT_0]);
	odgw_queues_reap();
	return ret;
}

static DWORD wait_for(DWORD n, const HANDLE *handles, BOOL all, DWORD ms,
		      BOOL alertable, int *err)
{
	struct wait w = {
		.deadline = odgw_deadline(ms),
		.alertable = alertable,
	};
	DWORD ret = WAIT_FAILED;
	bool good = true;

	*err = WSA_INVALID_PARAMETER;
	if (!n || n > MAXIMUM_WAIT_OBJECTS || !handles)
		return WAIT_FAILED;
	if (all && has_duplicates(handles, n))
		return WAIT_FAILED;

	pthread_cleanup_push(end, &w);
	while (good && w.n < n)
		good = add(&w, handles[w.n]);
	ret = good ? run(&w, all) : failed(&w, WSA_INVALID_HANDLE);
	pthread_cleanup_pop(1);
	*err = w.err;
	return ret;
}

DWORD WSAAPI WSAWaitForMultipleEvents(DWORD n, const WSAEVENT *events, BOOL all,
				      DWORD ms, BOOL alertable)
{
	int err = odgw_enter();
	DWORD ret = WSA_WAIT_FAILED;

	if (!err)
		ret = wait_for(n, events, all, ms, alertable, &err);
	odgw_leave_failed(err);
	return ret;
}

DWORD WINAPI WaitForMultipleObjectsEx(DWORD n, const HANDLE *handles, BOOL all,
				      DWORD ms, BOOL alertable)
{
	DWORD ret;
	int err;

	odgw_enter();
	ret = wait_for(n, handles, all, ms, alertable, &err);
	odgw_leave_failed(err);
	return ret;
}

DWORD WINAPI WaitForMultipleObjects(DWORD n, const HANDLE *handles, BOOL all,
				    DWORD ms)
{
	return WaitForMultipleObjectsEx(n, handles, all, ms, FALSE);
}

DWORD WINAPI WaitForSingleObjectEx(HANDLE h, DWORD ms, BOOL alertable)
{
	return WaitForMultipleObjectsEx(1, &h, FALSE, ms, alertable);
}

DWORD WINAPI WaitForSingleObject(HANDLE h, DWORD ms)
{
	return WaitForSingleObjectEx(h, ms, FALSE);
}
