// SPDX-License-Identifier: MIT
/*
 * Waiting for events.
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

#include "internal.h"

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

int odgw_poll(struct pollfd *fds, unsigned int n, uint64_t deadline)
{
	int ret;

	do {
		struct timespec left = { 0 };
		uint64_t t = deadline == ODGW_FOREVER ? 0 : now();

		if (t < deadline) {
			left.tv_sec = (time_t)((deadline - t) / NSEC_PER_SEC);
			left.tv_nsec = (long)((deadline - t) % NSEC_PER_SEC);
		}
		ret = ppoll(fds, n, deadline == ODGW_FOREVER ? NULL : &left,
			    NULL);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

struct wait {
	struct odgw_event *ev[MAXIMUM_WAIT_OBJECTS];
	struct pollfd fds[MAXIMUM_WAIT_OBJECTS];
	unsigned int n;
	uint64_t deadline;
};

static bool any_closed(const struct wait *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++)
		if (atomic_load(&w->ev[i]->closed))
			return true;
	return false;
}

/* wait_any - WAIT_OBJECT_0 + the lowest index signaled, and take that one */
static DWORD wait_any(struct wait *w)
{
	unsigned int i;
	int ready;

	for (;;) {
		ready = odgw_poll(w->fds, w->n, w->deadline);
		if (any_closed(w) || ready < 0)
			return WAIT_FAILED;
		if (!ready)
			return WAIT_TIMEOUT;
		for (i = 0; i < w->n; i++)
			if (w->fds[i].revents && odgw_event_take(w->ev[i]))
				return WAIT_OBJECT_0 + i;
	}
}

/* wait_all - when all are signaled at one moment, take them all */
static DWORD wait_all(struct wait *w)
{
	unsigned int i;
	int ready;

	while (!odgw_event_take_all(w->ev, w->n)) {
		/* Sleep on those that were not signaled at the last look. */
		if (odgw_poll(w->fds, w->n, 0) == (int)w->n)
			continue;
		for (i = 0; i < w->n; i++)
			w->fds[i].fd = w->fds[i].revents ? -1 : w->ev[i]->fd;
		ready = odgw_poll(w->fds, w->n, w->deadline);
		for (i = 0; i < w->n; i++)
			w->fds[i].fd = w->ev[i]->fd;
		if (any_closed(w) || ready < 0)
			return WAIT_FAILED;
		if (!ready)
			return WAIT_TIMEOUT;
	}
	return any_closed(w) ? WAIT_FAILED : WAIT_OBJECT_0;
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

static DWORD wait_for(DWORD n, const HANDLE *handles, BOOL all, DWORD ms,
		      int *err)
{
	struct wait w = { .deadline = odgw_deadline(ms) };
	DWORD ret = WAIT_FAILED;
	unsigned int i;

	*err = WSA_INVALID_PARAMETER;
	if (!n || n > MAXIMUM_WAIT_OBJECTS || !handles)
		return WAIT_FAILED;
	if (all && has_duplicates(handles, n))
		return WAIT_FAILED;

	*err = WSA_INVALID_HANDLE;
	for (w.n = 0; w.n < n; w.n++) {
		w.ev[w.n] = odgw_handle_get(handles[w.n]);
		if (!w.ev[w.n])
			goto put_events;
		w.fds[w.n].fd = w.ev[w.n]->fd;
		w.fds[w.n].events = POLLIN;
	}

	ret = all ? wait_all(&w) : wait_any(&w);
	if (ret != WAIT_FAILED)
		*err = 0;
	if (ret < MAXIMUM_WAIT_OBJECTS) {
		for (i = 0; all && i < n; i++)
			odgw_event_settle(w.ev[i]);
		if (!all)
			odgw_event_settle(w.ev[ret - WAIT_OBJECT_0]);
		odgw_queue_reap();
	}

put_events:
	while (w.n--)
		odgw_event_put(w.ev[w.n]);
	return ret;
}

DWORD WSAAPI WSAWaitForMultipleEvents(DWORD n, const WSAEVENT *events, BOOL all,
				      DWORD ms, BOOL alertable)
{
	int err = odgw_enter();
	DWORD ret = WSA_WAIT_FAILED;

	/* Nothing is ever queued to a thread: no completion routines yet. */
	(void)alertable;
	if (!err)
		ret = wait_for(n, events, all, ms, &err);
	odgw_leave_failed(err);
	return ret;
}

DWORD WINAPI WaitForMultipleObjects(DWORD n, const HANDLE *handles, BOOL all,
				    DWORD ms)
{
	DWORD ret;
	int err;

	odgw_enter();
	ret = wait_for(n, handles, all, ms, &err);
	odgw_leave_failed(err);
	return ret;
}

DWORD WINAPI WaitForSingleObject(HANDLE h, DWORD ms)
{
	return WaitForMultipleObjects(1, &h, FALSE, ms);
}
