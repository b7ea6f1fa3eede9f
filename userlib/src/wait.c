// SPDX-License-Identifier: MIT
/*
 * Waiting for events, and for what else has a handle.
 *
 * Events are set by whoever takes completions, after these are written: so a wait
 * looks, takes completions, looks again, and only then sleeps on the bells
 * (event.c).  Ops that are stored ring none (chan_rqs.c): while one is in flight that
 * will set the event, the process's port is polled as well.  A socket or a completion
 * port has an event, too; its ops may have no bell, so who waits for one polls the
 * ports where their completions come.
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

/* The process's port; for each object a completion port, and what wakes there. */
#define MAX_WATCHED	(2 * MAXIMUM_WAIT_OBJECTS + 1)

#define ANY	MAXIMUM_WAIT_OBJECTS

struct wait {
	struct odgw_object *obj[MAXIMUM_WAIT_OBJECTS];
	struct odgw_event *ev[MAXIMUM_WAIT_OBJECTS];
	struct odgw_chan *watched[MAX_WATCHED];
	int watched_fd[MAX_WATCHED];
	unsigned char watched_for[MAX_WATCHED];	/* index of an object, or ANY */
	struct pollfd fds[MAXIMUM_WAIT_OBJECTS + MAX_WATCHED + ODGW_SLEEP_SPARE];
	unsigned int n;			/* objects */
	unsigned int nr_watched;
	bool watches_silent;		/* counted in the process's queue */
	bool fed;			/* one may be set before its completion is taken */
	bool asleep;			/* the events are watched */
	bool expired;
	uint64_t deadline;
	bool alertable;
	bool all;			/* and not any */
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

/* take - WAIT_OBJECT_0 + the lowest index signaled, or WAIT_TIMEOUT */
static DWORD take(struct wait *w)
{
	unsigned int i;

	if (w->all)
		return odgw_event_take_all(w->ev, w->n) ? WAIT_OBJECT_0 :
							  WAIT_TIMEOUT;
	for (i = 0; i < w->n; i++)
		if (odgw_event_take(w->ev[i]))
			return WAIT_OBJECT_0 + i;
	return WAIT_TIMEOUT;
}

/* look - the same, with what the completions that are there have signaled */
static DWORD look(struct wait *w)
{
	DWORD ret = take(w);
	unsigned int i;

	if (ret != WAIT_TIMEOUT && !w->fed)
		return ret;
	odgw_queues_reap();
	for (i = 0; i < w->n; i++)
		if (w->obj[i]->type == &odgw_iocp_type)
			odgw_iocp_look((struct odgw_iocp *)w->obj[i]);
	return ret != WAIT_TIMEOUT ? ret : take(w);
}

static void watch(struct wait *w, struct odgw_queue *q)
{
	w->watched_for[w->nr_watched] = ANY;
	w->watched_fd[w->nr_watched] =
		odgw_queue_watch(q, true, &w->watched[w->nr_watched]);
	w->nr_watched++;
}

/* watch_silent - one of the events will be set without a bell */
static void watch_silent(struct wait *w)
{
	if (w->watches_silent)
		return;
	w->watches_silent = true;
	atomic_fetch_add(&odgw_process_queue.watchers, 1);
	if (!w->nr_watched)
		watch(w, &odgw_process_queue);
}

/* fall_asleep - false: it is worth another look; else who sets an event rings */
static bool fall_asleep(struct wait *w)
{
	unsigned int i, set = 0;

	w->asleep = true;
	for (i = 0; i < w->n; i++) {
		odgw_event_watch(w->ev[i]);
		if (odgw_event_is_silent(w->ev[i]))
			watch_silent(w);
	}
	for (i = 0; i < w->n; i++) {
		bool is_set = odgw_event_is_set(w->ev[i]);

		/* Of all, those that are missing. */
		w->fds[i] = (struct pollfd){
			.fd = is_set ? -1 : w->ev[i]->fd,
			.events = POLLIN,
		};
		set += is_set;
	}
	for (i = 0; i < w->nr_watched; i++) {
		unsigned int owner = w->watched_for[i];

		w->fds[w->n + i] = (struct pollfd){
			.fd = owner != ANY && w->fds[owner].fd < 0 ?
			      -1 : w->watched_fd[i],
			.events = POLLIN,
		};
	}
	return w->all ? set < w->n : !set;
}

static void wake_up(struct wait *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++)
		odgw_event_unwatch(w->ev[i], w->fds[i].revents);
	if (w->watches_silent)
		atomic_fetch_sub(&odgw_process_queue.watchers, 1);
	w->watches_silent = false;
	w->asleep = false;
}

/* sleep_on - until it is worth another look: 0; or a negative error */
static int sleep_on(struct wait *w)
{
	int slept = ODGW_READY;

	if (fall_asleep(w))
		slept = odgw_sleep(w->fds, w->n + w->nr_watched, w->deadline,
				   w->alertable);
	wake_up(w);
	w->expired = slept == ODGW_TIMED_OUT;
	return slept < 0 ? slept : 0;
}

/* wait_on - what the thread has to run comes first */
static DWORD wait_on(struct wait *w)
{
	DWORD ret;
	int err;

	for (;;) {
		if (w->alertable && odgw_apc_run())
			return WAIT_IO_COMPLETION;
		ret = look(w);
		if (any_closed(w))
			return failed(w, WSA_INVALID_HANDLE);
		if (ret != WAIT_TIMEOUT || w->expired)
			return ret;
		err = sleep_on(w);
		if (err)
			return failed(w, -err);
	}
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

/* watch_wakes - of registered I/O: as long as the port is not known to have packets */
static void watch_wakes(struct wait *w, const struct odgw_iocp *p)
{
	w->watched_for[w->nr_watched] = (unsigned char)w->n;
	w->watched_fd[w->nr_watched] = p->epfd;
	w->watched[w->nr_watched] = NULL;
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
		watch_wakes(w, (struct odgw_iocp *)obj);
	}
	return true;
}

/* add - one more to wait for; false: its handle is bad */
static bool add(struct wait *w, HANDLE h)
{
	if (!add_object(w, h) && !add_socket(w, h))
		return false;
	w->fed |= atomic_load(&w->ev[w->n]->fed);
	w->n++;
	return true;
}

/* end - also when the thread is cancelled asleep */
static void end(void *arg)
{
	struct wait *w = arg;

	if (w->asleep)
		wake_up(w);
	while (w->nr_watched)
		odgw_queue_unwatch(w->watched[--w->nr_watched]);
	while (w->n)
		odgw_object_put(w->obj[--w->n]);
}

static DWORD wait_for(DWORD n, const HANDLE *handles, BOOL all, DWORD ms,
		      BOOL alertable, int *err)
{
	struct wait w;
	DWORD ret = WAIT_FAILED;
	bool good = true;

	*err = WSA_INVALID_PARAMETER;
	if (!n || n > MAXIMUM_WAIT_OBJECTS || !handles)
		return WAIT_FAILED;
	if (all && has_duplicates(handles, n))
		return WAIT_FAILED;

	/* The arrays are long, and filled as far as they are used. */
	w.n = 0;
	w.nr_watched = 0;
	w.watches_silent = false;
	w.fed = false;
	w.asleep = false;
	w.expired = !ms;
	w.deadline = odgw_deadline(ms);
	w.alertable = alertable;
	w.all = all && n > 1;
	w.err = 0;
	pthread_cleanup_push(end, &w);
	while (good && w.n < n)
		good = add(&w, handles[w.n]);
	ret = good ? wait_on(&w) : failed(&w, WSA_INVALID_HANDLE);
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
