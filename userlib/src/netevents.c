// SPDX-License-Identifier: MIT
/*
 * WSAEventSelect() and WSAEnumNetworkEvents().
 *
 * A thread of the library's watches the selected sockets with an edge-triggered
 * epoll(7), records what happened and sets the event.  It is started by the first
 * selection and stays.
 *
 * FD_READ is told again after a call that took a datagram, if another waits: such a
 * call arms the socket anew, which makes epoll look again.  FD_WRITE is told once
 * when a bound socket is selected, or a selected one bound, and again when there is
 * room after a send that found none.
 *
 * The lock protects the list of selections.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

struct selection {
	int fd;
	long wanted;			/* FD_* */
	bool awaits_room;
	struct odgw_event *ev;
	WSANETWORKEVENTS happened;
	struct selection *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct selection *selections;
atomic_bool odgw_netevents_any;
static int epfd = -1;

static struct selection **place_of(int fd)
{
	struct selection **p;

	for (p = &selections; *p && (*p)->fd != fd; p = &(*p)->next)
		;
	return p;
}

/* record - lock held */
static void record(struct selection *sel, int bit)
{
	if (!(sel->wanted & 1L << bit))
		return;
	sel->happened.lNetworkEvents |= (LONG)(1L << bit);
	sel->happened.iErrorCode[bit] = 0;
	odgw_event_set(sel->ev);
}

/* arm - have epoll look, and tell what it finds; lock held */
static int arm(const struct selection *sel, int op)
{
	struct epoll_event e = {
		.events = EPOLLET | EPOLLIN | (sel->awaits_room ? EPOLLOUT : 0),
		.data.fd = sel->fd,
	};

	return epoll_ctl(epfd, op, sel->fd, &e) ? odgw_wsa_from_errno(errno) : 0;
}

static void happened(const struct epoll_event *e)
{
	struct selection *sel;

	pthread_mutex_lock(&lock);
	sel = *place_of(e->data.fd);
	if (sel && e->events & EPOLLIN)
		record(sel, FD_READ_BIT);
	if (sel && e->events & EPOLLOUT && sel->awaits_room) {
		sel->awaits_room = false;
		record(sel, FD_WRITE_BIT);
	}
	pthread_mutex_unlock(&lock);
}

static void *watch(void *arg)
{
	struct epoll_event events[16];
	int i, n, fd = *(int *)arg;

	free(arg);
	do {
		n = epoll_wait(fd, events, 16, -1);
		for (i = 0; i < n; i++)
			happened(&events[i]);
	} while (n >= 0 || errno == EINTR);
	return NULL;
}

/* start_watch - the thread, if it is not there; it takes no signals; lock held */
static int start_watch(void)
{
	sigset_t all, old;
	pthread_t thread;
	int ret, *arg;

	if (epfd >= 0)
		return 0;
	arg = malloc(sizeof(*arg));
	if (!arg)
		return WSAENOBUFS;
	*arg = epoll_create1(EPOLL_CLOEXEC);
	if (*arg < 0) {
		ret = odgw_wsa_from_errno(errno);
		free(arg);
		return ret;
	}
	epfd = *arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, NULL, watch, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!ret) {
		pthread_detach(thread);
		atomic_store(&odgw_netevents_any, true);
		return 0;
	}
	odgw_close(epfd);
	epfd = -1;
	free(arg);
	return WSAENOBUFS;
}

/* drop - lock held */
static void drop(int fd)
{
	struct selection **p = place_of(fd), *sel = *p;

	if (!sel)
		return;
	*p = sel->next;
	epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL);
	odgw_event_put(sel->ev);
	free(sel);
}

/* add - takes over the caller's reference of @ev; lock held */
static int add(int fd, struct odgw_event *ev, long wanted)
{
	struct selection *sel;
	int err = start_watch();

	if (err)
		return err;
	sel = calloc(1, sizeof(*sel));
	if (!sel)
		return WSAENOBUFS;
	sel->fd = fd;
	sel->wanted = wanted;
	sel->ev = ev;
	sel->next = selections;
	selections = sel;
	if (odgw_socket_port(fd))
		record(sel, FD_WRITE_BIT);
	err = arm(sel, EPOLL_CTL_ADD);
	if (err) {
		selections = sel->next;
		free(sel);
	}
	return err;
}

static int select_events(SOCKET s, WSAEVENT h, long wanted)
{
	struct odgw_event *ev = NULL;
	struct odgw_socket sock;
	int on = 1, err = odgw_socket_lookup_udp(s, &sock);

	if (err)
		return err;
	if (wanted) {
		ev = odgw_event_get(h);
		if (!ev)
			return WSAEINVAL;
		if (ioctl(sock.fd, FIONBIO, &on))
			err = odgw_wsa_from_errno(errno);
	}
	pthread_mutex_lock(&lock);
	if (!err)
		drop(sock.fd);
	if (!err && wanted)
		err = add(sock.fd, ev, wanted);
	pthread_mutex_unlock(&lock);
	if (err && ev)
		odgw_event_put(ev);
	return err;
}

/* The socket becomes nonblocking, as on Windows. */
int WSAAPI WSAEventSelect(SOCKET s, WSAEVENT h, LONG wanted)
{
	int err = odgw_enter();

	if (!err)
		err = select_events(s, h, wanted);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int enumerate(SOCKET s, WSAEVENT h, LPWSANETWORKEVENTS out)
{
	struct odgw_event *ev = NULL;
	struct odgw_socket sock;
	struct odgw_probe probe;
	struct selection *sel;
	int err = odgw_socket_lookup_udp(s, &sock);

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!out || !odgw_probe_write(&probe, out, sizeof(*out)))
		return WSAEFAULT;
	if (h) {
		ev = odgw_event_get(h);
		if (!ev)
			return WSAEINVAL;
	}
	/* Together: what happens in between sets the event again. */
	pthread_mutex_lock(&lock);
	*out = (WSANETWORKEVENTS){ .lNetworkEvents = 0 };
	if (ev)
		odgw_event_reset(ev);
	sel = *place_of(sock.fd);
	if (sel) {
		*out = sel->happened;
		sel->happened = (WSANETWORKEVENTS){ .lNetworkEvents = 0 };
	}
	pthread_mutex_unlock(&lock);
	if (ev)
		odgw_event_put(ev);
	return 0;
}

int WSAAPI WSAEnumNetworkEvents(SOCKET s, WSAEVENT h, LPWSANETWORKEVENTS out)
{
	int err = odgw_enter();

	if (!err)
		err = enumerate(s, h, out);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

bool odgw_netevents_selected(int fd)
{
	bool ret;

	if (!atomic_load(&odgw_netevents_any))
		return false;
	pthread_mutex_lock(&lock);
	ret = *place_of(fd);
	pthread_mutex_unlock(&lock);
	return ret;
}

void odgw_netevents_record(int fd, int bit)
{
	struct selection *sel;

	if (!atomic_load(&odgw_netevents_any))
		return;
	pthread_mutex_lock(&lock);
	sel = *place_of(fd);
	if (sel)
		record(sel, bit);
	pthread_mutex_unlock(&lock);
}

/* arm_again - after a receive, or a send that found no room */
static void arm_again(int fd, bool awaits_room)
{
	struct selection *sel;

	if (!atomic_load(&odgw_netevents_any))
		return;
	pthread_mutex_lock(&lock);
	sel = *place_of(fd);
	if (sel) {
		sel->awaits_room |= awaits_room;
		arm(sel, EPOLL_CTL_MOD);
	}
	pthread_mutex_unlock(&lock);
}

void odgw_netevents_taken(int fd)
{
	arm_again(fd, false);
}

void odgw_netevents_no_room(int fd)
{
	arm_again(fd, true);
}

void odgw_netevents_closing(int fd)
{
	if (!atomic_load(&odgw_netevents_any))
		return;
	pthread_mutex_lock(&lock);
	drop(fd);
	pthread_mutex_unlock(&lock);
}

void odgw_netevents_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_netevents_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: the epoll instance is shared with the parent. */
void odgw_netevents_forked(void)
{
	struct selection *sel;

	if (epfd >= 0)
		odgw_close(epfd);
	epfd = -1;
	while (selections) {
		sel = selections;
		selections = sel->next;
		odgw_event_put(sel->ev);
		free(sel);
	}
}
