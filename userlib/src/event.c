// SPDX-License-Identifier: MIT
/*
 * Event objects: an eventfd each, signaled while its count is above zero.
 *
 * The kernel signals the eventfd itself when an op completes, so a waiter wakes
 * without anybody in between.  Reading takes the whole count, which makes an
 * auto-reset event of it however often it was set.
 *
 * take_lock is held over every taking and resetting of an auto-reset event;
 * nothing else lowers a count behind a "wait for all" that looks at several.
 * odgw_event.posting is explained in internal.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

static pthread_mutex_t take_lock = PTHREAD_MUTEX_INITIALIZER;

/* By syscall(2), which is no cancellation point. */

void odgw_eventfd_set(int fd)
{
	uint64_t one = 1;

	/* Fails only at 2^64 - 2 sets without a reset; then it is signaled. */
	syscall(SYS_write, fd, &one, sizeof(one));
}

bool odgw_eventfd_drain(int fd)
{
	uint64_t count;

	return syscall(SYS_read, fd, &count, sizeof(count)) > 0;
}

void odgw_close(int fd)
{
	syscall(SYS_close, fd);
}

static struct odgw_event *waitable(struct odgw_object *obj)
{
	return (struct odgw_event *)obj;
}

static void close_handle(struct odgw_object *obj)
{
	odgw_event_close((struct odgw_event *)obj);
}

static void destroy(struct odgw_object *obj)
{
	struct odgw_event *ev = (struct odgw_event *)obj;

	odgw_close(ev->fd);
	pthread_mutex_destroy(&ev->posting);
	free(ev);
}

const struct odgw_type odgw_event_type = {
	.waitable = waitable,
	.close = close_handle,
	.destroy = destroy,
};

struct odgw_event *odgw_event_new(bool manual, bool signaled, int *err)
{
	struct odgw_event *ev = malloc(sizeof(*ev));

	if (!ev) {
		*err = WSA_NOT_ENOUGH_MEMORY;
		return NULL;
	}
	ev->fd = eventfd(signaled, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ev->fd < 0) {
		*err = errno == ENOMEM ? WSA_NOT_ENOUGH_MEMORY :
					 odgw_wsa_from_errno(errno);
		free(ev);
		return NULL;
	}
	odgw_object_init(&ev->obj, &odgw_event_type);
	atomic_init(&ev->closed, false);
	ev->manual = manual;
	pthread_mutex_init(&ev->posting, NULL);
	return ev;
}

struct odgw_event *odgw_event_get(HANDLE h)
{
	return (struct odgw_event *)odgw_handle_get(h, &odgw_event_type);
}

void odgw_event_put(struct odgw_event *ev)
{
	odgw_object_put(&ev->obj);
}

void odgw_event_set(struct odgw_event *ev)
{
	odgw_eventfd_set(ev->fd);
}

/* drain - whether it was signaled; it is not any more */
static bool drain(struct odgw_event *ev)
{
	return odgw_eventfd_drain(ev->fd);
}

void odgw_event_reset(struct odgw_event *ev)
{
	pthread_mutex_lock(&take_lock);
	drain(ev);
	pthread_mutex_unlock(&take_lock);
}

/* Its waiters see that it is closed. */
void odgw_event_close(struct odgw_event *ev)
{
	atomic_store(&ev->closed, true);
	odgw_event_set(ev);
}

bool odgw_event_take(struct odgw_event *ev)
{
	bool taken;

	if (ev->manual)
		return true;
	pthread_mutex_lock(&take_lock);
	taken = drain(ev);
	pthread_mutex_unlock(&take_lock);
	return taken;
}

bool odgw_event_take_all(struct odgw_event **ev, unsigned int n)
{
	struct pollfd fds[MAXIMUM_WAIT_OBJECTS];
	unsigned int i;
	bool all;

	for (i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = ev[i]->fd, .events = POLLIN };

	pthread_mutex_lock(&take_lock);
	all = syscall(SYS_poll, fds, n, 0) == (long)n;
	for (i = 0; all && i < n; i++)
		if (!ev[i]->manual)
			drain(ev[i]);
	pthread_mutex_unlock(&take_lock);
	return all;
}

void odgw_event_settle(struct odgw_event *ev)
{
	pthread_mutex_lock(&ev->posting);
	pthread_mutex_unlock(&ev->posting);
}

void odgw_event_lock(void)
{
	pthread_mutex_lock(&take_lock);
}

void odgw_event_unlock(void)
{
	pthread_mutex_unlock(&take_lock);
}

/* The calls on events. */

static HANDLE create(bool manual, bool signaled)
{
	struct odgw_event *ev;
	HANDLE h = NULL;
	int err = 0;

	/* CreateEvent() is no Winsock call and works before WSAStartup(). */
	odgw_enter();
	ev = odgw_event_new(manual, signaled, &err);
	if (ev) {
		h = odgw_handle_new(&ev->obj);
		if (!h)
			err = WSA_NOT_ENOUGH_MEMORY;
		odgw_event_put(ev);
	}
	odgw_leave_failed(err);
	return h;
}

static BOOL with_event(HANDLE h, void (*fn)(struct odgw_event *ev))
{
	struct odgw_event *ev;

	odgw_enter();
	ev = odgw_event_get(h);
	if (ev) {
		fn(ev);
		odgw_event_put(ev);
	}
	return !odgw_leave_failed(ev ? 0 : WSA_INVALID_HANDLE);
}

BOOL WINAPI SetEvent(HANDLE h)
{
	return with_event(h, odgw_event_set);
}

BOOL WINAPI ResetEvent(HANDLE h)
{
	return with_event(h, odgw_event_reset);
}

HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES attributes, BOOL manual,
			   BOOL signaled, LPCWSTR name)
{
	(void)attributes;
	if (name) {
		odgw_leave(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	return create(manual, signaled);
}

HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES attributes, BOOL manual,
			   BOOL signaled, LPCSTR name)
{
	return CreateEventW(attributes, manual, signaled, name ? L"" : NULL);
}

/* started - false, and the last error set, before WSAStartup() */
static bool started(void)
{
	return !odgw_leave_failed(odgw_enter());
}

WSAEVENT WSAAPI WSACreateEvent(void)
{
	return started() ? create(true, false) : WSA_INVALID_EVENT;
}

BOOL WSAAPI WSASetEvent(WSAEVENT h)
{
	return started() && SetEvent(h);
}

BOOL WSAAPI WSAResetEvent(WSAEVENT h)
{
	return started() && ResetEvent(h);
}

BOOL WSAAPI WSACloseEvent(WSAEVENT h)
{
	return started() && CloseHandle(h);
}
