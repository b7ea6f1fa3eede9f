// SPDX-License-Identifier: MIT
/*
 * Calls that sleep until their socket is ready for them: a look at what is queued, a
 * send without room.  There is no op that could be cancelled when the socket is closed,
 * so who closes it ends them here.
 *
 * They sleep in an epoll instance, which does not keep the socket open, as poll(2)
 * would: its port is free as soon as it is closed.
 *
 * The lock protects the list of those that sleep.  It is held while one uses the
 * socket: after the descriptor was closed, its number may be another's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "receive.h"

struct sleeper {
	int fd;
	int epfd;
	int bell;			/* eventfd: it is closed */
	bool closed;
	struct sleeper *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sleeper *sleepers;

/* leave - also when the thread is cancelled asleep; in a child it is on no list */
static void leave(void *arg)
{
	struct sleeper *s = arg, **p;

	pthread_mutex_lock(&lock);
	for (p = &sleepers; *p && *p != s; p = &(*p)->next)
		;
	if (*p)
		*p = s->next;
	pthread_mutex_unlock(&lock);
	if (s->bell >= 0)
		odgw_close(s->bell);
	if (s->epfd >= 0)
		odgw_close(s->epfd);
}

/* watch - what is there now is an event, too */
static int watch(struct sleeper *s, uint32_t events)
{
	struct epoll_event e = { .events = events | EPOLLET };
	int ret = -1;

	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epfd >= 0 && s->bell >= 0)
		ret = epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->fd, &e);
	return ret ? odgw_wsa_from_errno(errno) : 0;
}

static int join(struct sleeper *s, uint32_t events)
{
	int err;

	pthread_mutex_lock(&lock);
	s->next = sleepers;
	sleepers = s;
	err = watch(s, events);
	pthread_mutex_unlock(&lock);
	return err;
}

static int try(struct sleeper *s, odgw_attempt attempt, void *arg)
{
	int err;

	pthread_mutex_lock(&lock);
	err = s->closed ? WSAEINTR : attempt(s->fd, arg);
	pthread_mutex_unlock(&lock);
	return err;
}

static int sleep_on(struct sleeper *s, uint64_t deadline)
{
	struct pollfd fds[2 + ODGW_SLEEP_SPARE] = {
		{ .fd = s->epfd, .events = POLLIN },
		{ .fd = s->bell, .events = POLLIN },
	};
	int slept = odgw_sleep(fds, 2, deadline, true);
	struct epoll_event e;

	/* By syscall(2), which is no cancellation point; the next try sees to it. */
	if (slept == ODGW_READY)
		syscall(SYS_epoll_pwait, s->epfd, &e, 1, 0, NULL, 0);
	return slept;
}

static int try_until(struct sleeper *s, uint64_t deadline, odgw_attempt attempt,
		     void *arg)
{
	int err, slept = ODGW_READY;

	for (;;) {
		err = try(s, attempt, arg);
		if (err != WSAEWOULDBLOCK)
			return err;
		if (slept == ODGW_TIMED_OUT)
			return WSAETIMEDOUT;
		slept = odgw_apc_run() ? ODGW_ALERTED : sleep_on(s, deadline);
		if (slept < 0)
			return -slept;
	}
}

int odgw_call_ready(int fd, int option, uint32_t events, odgw_attempt attempt,
		    void *arg)
{
	uint64_t deadline = odgw_call_deadline(fd, option);
	struct sleeper s = { .fd = fd };
	int err;

	err = join(&s, events);
	pthread_cleanup_push(leave, &s);
	if (!err)
		err = try_until(&s, deadline, attempt, arg);
	pthread_cleanup_pop(1);
	return err;
}

void odgw_ready_closing(int fd)
{
	struct sleeper *s;

	pthread_mutex_lock(&lock);
	for (s = sleepers; s; s = s->next) {
		if (s->fd != fd)
			continue;
		s->closed = true;
		odgw_eventfd_set(s->bell);
	}
	pthread_mutex_unlock(&lock);
}

void odgw_ready_renamed(int fd, int to)
{
	struct sleeper *s;

	pthread_mutex_lock(&lock);
	for (s = sleepers; s; s = s->next)
		if (s->fd == fd)
			s->fd = to;
	pthread_mutex_unlock(&lock);
}

void odgw_ready_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_ready_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: what they sleep in is the parent's. */
void odgw_ready_forked(void)
{
	for (; sleepers; sleepers = sleepers->next)
		sleepers->closed = true;
}
