// SPDX-License-Identifier: MIT
/*
 * Event objects: a word that says whether one is signaled, and an eventfd, its
 * bell, for those who sleep until it is.
 *
 * Whoever takes a completion sets the event of its op (queue.c), and rings only if
 * somebody sleeps: who does not costs no system call.  The kernel rings when it
 * completes an op, so that a sleeper comes to take the completion.  So a bell that
 * rang says no more than "look": who slept silences it, takes completions, and
 * looks again.
 *
 * An event that RIONotify() uses is different: its bell is the message.  It is
 * "fed", and what the bell says moves into the word when somebody looks.
 *
 * take_lock is held over every taking and resetting, so that nothing is lowered
 * behind a "wait for all" that looks at several.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "queue.h"

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

int odgw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

void odgw_replace(int fd, int by)
{
	if (by < 0)
		return;
	syscall(SYS_dup3, by, fd, O_CLOEXEC);
	odgw_close(by);
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
	free(ev);
}

static void forked(struct odgw_object *obj)
{
	odgw_event_forked((struct odgw_event *)obj);
}

const struct odgw_type odgw_event_type = {
	.waitable = waitable,
	.close = close_handle,
	.forked = forked,
	.destroy = destroy,
};

struct odgw_event *odgw_event_new(bool manual, bool signaled, int *err)
{
	struct odgw_event *ev = malloc(sizeof(*ev));

	if (!ev) {
		*err = WSA_NOT_ENOUGH_MEMORY;
		return NULL;
	}
	ev->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ev->fd < 0) {
		*err = errno == ENOMEM ? WSA_NOT_ENOUGH_MEMORY :
					 odgw_wsa_from_errno(errno);
		free(ev);
		return NULL;
	}
	odgw_object_init(&ev->obj, &odgw_event_type);
	atomic_init(&ev->signaled, signaled);
	atomic_init(&ev->sleepers, 0);
	atomic_init(&ev->silent, 0);
	atomic_init(&ev->closed, false);
	atomic_init(&ev->fed, false);
	ev->manual = manual;
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
	atomic_store(&ev->signaled, true);
	/* Sequentially consistent, as is odgw_event_watch(): they look afterwards. */
	if (atomic_load(&ev->sleepers))
		odgw_eventfd_set(ev->fd);
}

void odgw_event_completed(struct odgw_event *ev)
{
	if (!atomic_load(&ev->fed))
		odgw_event_set(ev);
}

void odgw_event_feed(struct odgw_event *ev)
{
	/* What rang for ops until now is no message. */
	odgw_queues_reap();
	odgw_eventfd_drain(ev->fd);
	atomic_store(&ev->fed, true);
}

/* is_set - take_lock held if it is fed */
static bool is_set(struct odgw_event *ev)
{
	if (!atomic_load(&ev->signaled) && atomic_load(&ev->fed) &&
	    odgw_eventfd_drain(ev->fd))
		atomic_store(&ev->signaled, true);
	return atomic_load(&ev->signaled);
}

bool odgw_event_is_set(struct odgw_event *ev)
{
	bool set;

	if (!atomic_load(&ev->fed))
		return is_set(ev);
	pthread_mutex_lock(&take_lock);
	set = is_set(ev);
	pthread_mutex_unlock(&take_lock);
	return set;
}

/* lower - whether it was signaled; it is not any more; lock held */
static bool lower(struct odgw_event *ev)
{
	bool was = atomic_exchange(&ev->signaled, false);

	return (atomic_load(&ev->fed) && odgw_eventfd_drain(ev->fd)) || was;
}

void odgw_event_reset(struct odgw_event *ev)
{
	if (!atomic_load(&ev->signaled) && !atomic_load(&ev->fed))
		return;
	pthread_mutex_lock(&take_lock);
	lower(ev);
	pthread_mutex_unlock(&take_lock);
}

void odgw_event_watch(struct odgw_event *ev)
{
	atomic_fetch_add(&ev->sleepers, 1);
}

/* Others who sleep may not have heard the bell that is silenced here. */
void odgw_event_unwatch(struct odgw_event *ev, bool rang)
{
	if (rang && !atomic_load(&ev->fed))
		odgw_eventfd_drain(ev->fd);
	if (atomic_fetch_sub(&ev->sleepers, 1) > 1 && odgw_event_is_set(ev))
		odgw_eventfd_set(ev->fd);
}

/* Its waiters see that it is closed. */
void odgw_event_close(struct odgw_event *ev)
{
	atomic_store(&ev->closed, true);
	odgw_event_set(ev);
}

bool odgw_event_take(struct odgw_event *ev)
{
	bool taken = odgw_event_is_set(ev);

	if (!taken || ev->manual)
		return taken;
	pthread_mutex_lock(&take_lock);
	taken = lower(ev);
	pthread_mutex_unlock(&take_lock);
	return taken;
}

bool odgw_event_take_all(struct odgw_event **ev, unsigned int n)
{
	bool all = true;
	unsigned int i;

	pthread_mutex_lock(&take_lock);
	for (i = 0; all && i < n; i++)
		all = is_set(ev[i]);
	for (i = 0; all && i < n; i++)
		if (!ev[i]->manual)
			lower(ev[i]);
	pthread_mutex_unlock(&take_lock);
	return all;
}

/* In the child: a bell of its own, or each would hear, and silence, the other's. */
void odgw_event_forked(struct odgw_event *ev)
{
	odgw_replace(ev->fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	atomic_store(&ev->sleepers, 0);
	atomic_store(&ev->fed, false);
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
