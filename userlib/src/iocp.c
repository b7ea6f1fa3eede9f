// SPDX-License-Identifier: MIT
/*
 * I/O completion ports.
 *
 * A port is a queue (queue.h).  The packets of its sockets are the notes of their
 * ops; PostQueuedCompletionStatus() adds notes of its own.  Reaping puts packets
 * behind those that are there, so there is one order.
 *
 * A taker that finds nothing sleeps in epoll_wait(2), which wakes one thread at a
 * time, the last to fall asleep first.  One eventfd wakes: the kernel sets it when
 * something completes after a taker has armed (odg_cq_arm()), the library when a
 * packet is added otherwise.  Who takes a packet and leaves others wakes the next.
 *
 * Nothing is asked of the kernel while packets are there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "iocp.h"
#include "thread.h"

/* Bounds what is pending and untaken; 128 bytes of locked memory each. */
#define PORT_ENTRIES	4096

static struct odgw_iocp *port_of_queue(struct odgw_queue *q)
{
	return (struct odgw_iocp *)((char *)q - offsetof(struct odgw_iocp, queue));
}

/* wake_one - if one sleeps, and none is on its way; lock held */
static void wake_one(struct odgw_iocp *p)
{
	if (!p->sleepers || p->waking)
		return;
	p->waking = true;
	odgw_eventfd_set(p->wake_fd);
}

/* opened - have the kernel wake, too; lock held */
static void opened(struct odgw_queue *q, struct odg_port *port)
{
	odg_port_notify(port, port_of_queue(q)->wake_fd);
}

static void noted(struct odgw_queue *q)
{
	struct odgw_iocp *p = port_of_queue(q);
	struct odgw_note note;

	if (p->closed) {
		while (odgw_notes_pop(&q->notes, &note))
			;
		return;
	}
	if (p->ready)
		odgw_event_set(p->ready);
	if (!p->taking)
		wake_one(p);
}

void odgw_iocp_deliver(struct odgw_iocp *p, struct odgw_note *note)
{
	pthread_mutex_lock(&p->queue.lock);
	odgw_queue_add_note(&p->queue, note);
	pthread_mutex_unlock(&p->queue.lock);
}

/* collect - those triggers that say so become packets; lock held */
static void collect(struct odgw_iocp *p)
{
	struct odgw_trigger **at = &p->triggers, *t;

	while ((t = *at)) {
		if (__atomic_load_n(t->arm, __ATOMIC_ACQUIRE)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		odgw_queue_add_note(&p->queue, t->note);
		t->note = NULL;
	}
}

/* reap - all packets there are; lock held */
static void reap(struct odgw_iocp *p)
{
	odgw_queue_reap_locked(&p->queue);
	collect(p);
}

void odgw_iocp_await(struct odgw_iocp *p, struct odgw_trigger *t,
		     struct odgw_note *note)
{
	pthread_mutex_lock(&p->queue.lock);
	t->note = note;
	t->next = p->triggers;
	p->triggers = t;
	/* Who was woken before it stood there has not found it. */
	collect(p);
	pthread_mutex_unlock(&p->queue.lock);
}

bool odgw_iocp_fired(struct odgw_iocp *p, struct odgw_trigger *t)
{
	bool fired;

	pthread_mutex_lock(&p->queue.lock);
	collect(p);
	fired = !t->note;
	pthread_mutex_unlock(&p->queue.lock);
	return fired;
}

void odgw_iocp_forget(struct odgw_iocp *p, struct odgw_trigger *t)
{
	struct odgw_trigger **at = &p->triggers;

	pthread_mutex_lock(&p->queue.lock);
	collect(p);
	if (t->note) {
		while (*at != t)
			at = &(*at)->next;
		*at = t->next;
		free(t->note);
		t->note = NULL;
	}
	pthread_mutex_unlock(&p->queue.lock);
}

/* The process's queue is locked in both. */

void odgw_iocp_stray(struct odgw_iocp *p, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	if (atomic_fetch_add(&p->strays, 1))
		return;
	p->stray_fd = fd;
	epoll_ctl(p->epfd, EPOLL_CTL_ADD, fd, &ev);
}

void odgw_iocp_stray_gone(struct odgw_iocp *p)
{
	if (atomic_fetch_sub(&p->strays, 1) == 1)
		epoll_ctl(p->epfd, EPOLL_CTL_DEL, p->stray_fd, NULL);
}

/*
 * waitable - the handle by itself: signaled while packets are there.  The queue is
 * looked after by who waits (wait.c).
 */
static struct odgw_event *waitable(struct odgw_object *obj)
{
	struct odgw_iocp *p = (struct odgw_iocp *)obj;
	int err;

	pthread_mutex_lock(&p->queue.lock);
	reap(p);
	if (!p->ready)
		p->ready = odgw_event_new(true, p->queue.notes.first, &err);
	pthread_mutex_unlock(&p->queue.lock);
	return p->ready;
}

/* close_handle - those who sleep leave, one after the other */
static void close_handle(struct odgw_object *obj)
{
	struct odgw_iocp *p = (struct odgw_iocp *)obj;
	struct odgw_note note;

	pthread_mutex_lock(&p->queue.lock);
	p->closed = true;
	while (odgw_notes_pop(&p->queue.notes, &note))
		;
	if (p->ready)
		odgw_event_close(p->ready);
	wake_one(p);
	pthread_mutex_unlock(&p->queue.lock);
}

static void destroy(struct odgw_object *obj)
{
	struct odgw_iocp *p = (struct odgw_iocp *)obj;

	odgw_queue_redirect_end(p);
	odgw_queue_fini(&p->queue);
	if (p->ready)
		odgw_event_put(p->ready);
	odgw_close(p->epfd);
	odgw_close(p->wake_fd);
	pthread_mutex_destroy(&p->queue.lock);
	free(p);
}

/* watch_wakes - takers sleep until one is to wake */
static int watch_wakes(struct odgw_iocp *p)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->wake_fd, &ev);
}

/* In the child: its takers sleep in a place of their own, and none does now. */
static void forked(struct odgw_object *obj)
{
	struct odgw_iocp *p = (struct odgw_iocp *)obj;

	odgw_replace(p->epfd, epoll_create1(EPOLL_CLOEXEC));
	odgw_replace(p->wake_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	watch_wakes(p);
	p->sleepers = 0;
	p->waking = false;
	atomic_store(&p->strays, 0);
	if (p->ready)
		odgw_event_forked(p->ready);
}

const struct odgw_type odgw_iocp_type = {
	.waitable = waitable,
	.close = close_handle,
	.forked = forked,
	.destroy = destroy,
};

struct odgw_iocp *odgw_iocp_get(HANDLE h)
{
	return (struct odgw_iocp *)odgw_handle_get(h, &odgw_iocp_type);
}

static struct odgw_iocp *new_port(int *err)
{
	struct odgw_iocp *p = calloc(1, sizeof(*p));

	*err = ERROR_NOT_ENOUGH_MEMORY;
	if (!p)
		return NULL;
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epfd < 0 || p->wake_fd < 0 || watch_wakes(p)) {
		*err = ERROR_NO_SYSTEM_RESOURCES;
		if (p->epfd >= 0)
			odgw_close(p->epfd);
		if (p->wake_fd >= 0)
			odgw_close(p->wake_fd);
		free(p);
		return NULL;
	}
	odgw_object_init(&p->obj, &odgw_iocp_type);
	odgw_queue_init(&p->queue, PORT_ENTRIES);
	p->queue.opened = opened;
	p->queue.noted = noted;
	*err = 0;
	return p;
}

static int overlapped_socket(HANDLE h, struct odgw_socket *sock)
{
	if (odgw_socket_lookup((SOCKET)h, sock))
		return ERROR_INVALID_HANDLE;
	return sock->overlapped ? 0 : ERROR_INVALID_PARAMETER;
}

static int bind_socket(HANDLE h, struct odgw_iocp *p, ULONG_PTR key)
{
	struct odgw_socket sock;
	int err;

	err = overlapped_socket(h, &sock);
	if (!err)
		err = odgw_assoc_bind(sock.fd, p, key);
	if (!err)
		err = odgw_queue_redirect(sock.fd, p, key);
	return err;
}

static HANDLE create(HANDLE file, ULONG_PTR key, int *err)
{
	struct odgw_iocp *p = new_port(err);
	HANDLE h = NULL;

	if (!p)
		return NULL;
	if (file != INVALID_HANDLE_VALUE)
		*err = bind_socket(file, p, key);
	if (!*err) {
		h = odgw_handle_new(&p->obj);
		*err = h ? 0 : ERROR_NOT_ENOUGH_MEMORY;
	}
	odgw_object_put(&p->obj);
	return h;
}

HANDLE WINAPI CreateIoCompletionPort(HANDLE file, HANDLE existing, ULONG_PTR key,
				     DWORD threads)
{
	struct odgw_iocp *p;
	HANDLE h = existing;
	int err = 0;

	/* How many threads run at a time is the scheduler's to say here. */
	(void)threads;
	odgw_enter();
	if (!existing) {
		h = create(file, key, &err);
	} else if (file == INVALID_HANDLE_VALUE) {
		err = ERROR_INVALID_PARAMETER;
	} else {
		p = odgw_iocp_get(existing);
		err = p ? bind_socket(file, p, key) : ERROR_INVALID_HANDLE;
		if (p)
			odgw_object_put(&p->obj);
	}
	return odgw_leave_failed(err) ? NULL : h;
}

BOOL WINAPI SetFileCompletionNotificationModes(HANDLE file, UCHAR modes)
{
	struct odgw_socket sock;
	int err;

	odgw_enter();
	err = overlapped_socket(file, &sock);
	if (!err)
		err = odgw_assoc_add_modes(sock.fd, modes);
	return !odgw_leave_failed(err);
}

BOOL WINAPI PostQueuedCompletionStatus(HANDLE port, DWORD bytes, ULONG_PTR key,
				       LPOVERLAPPED ov)
{
	struct odgw_note *note = malloc(sizeof(*note));
	struct odgw_iocp *p;
	int err = 0;

	odgw_enter();
	p = odgw_iocp_get(port);
	if (!p || !note) {
		err = p ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_HANDLE;
		free(note);
	} else {
		*note = (struct odgw_note){
			.overlapped = ov,
			.key = key,
			.end.bytes = bytes,
		};
		pthread_mutex_lock(&p->queue.lock);
		reap(p);
		odgw_queue_add_note(&p->queue, note);
		pthread_mutex_unlock(&p->queue.lock);
	}
	if (p)
		odgw_object_put(&p->obj);
	return !odgw_leave_failed(err);
}

/* Taking packets */

struct visit {
	struct odgw_iocp *p;
	OVERLAPPED_ENTRY *entries;
	ULONG room;
	ULONG got;
	uint64_t deadline;
	bool alertable;
	bool asleep;			/* counted in p->sleepers */
};

/* take - as many as there are; lock held */
static void take(struct visit *v)
{
	struct odgw_iocp *p = v->p;
	struct odgw_note note;

	p->taking = true;
	reap(p);
	p->taking = false;
	while (v->got < v->room && odgw_notes_pop(&p->queue.notes, &note))
		v->entries[v->got++] = (OVERLAPPED_ENTRY){
			.lpCompletionKey = note.key,
			.lpOverlapped = note.overlapped,
			.Internal = note.end.status,
			.dwNumberOfBytesTransferred = note.end.bytes,
		};
	if (p->ready && !p->queue.notes.first && !p->closed)
		odgw_event_reset(p->ready);
}

/* awake - not counted as asleep any more, as in a child none is; lock held */
static void awake(struct visit *v)
{
	if (!v->asleep)
		return;
	v->asleep = false;
	if (v->p->sleepers)
		v->p->sleepers--;
	/* If it was another that is on its way, one too many is woken later. */
	v->p->waking = false;
}

/* pass_on - whatever is left, or comes, is the next one's; lock held */
static void pass_on(struct odgw_iocp *p)
{
	p->waking = false;
	if (p->sleepers && (p->queue.notes.first || p->closed ||
			    odgw_queue_arm_locked(&p->queue)))
		wake_one(p);
}

/* By syscall(2), which is no cancellation point. */
void odgw_iocp_look(struct odgw_iocp *p)
{
	struct epoll_event ev;

	/* What it says is looked for afterwards, and passed on if others sleep. */
	syscall(SYS_epoll_pwait, p->epfd, &ev, 1, 0, NULL, 0);
	pthread_mutex_lock(&p->queue.lock);
	reap(p);
	pass_on(p);
	pthread_mutex_unlock(&p->queue.lock);
}

/* leave - with something, or because the thread is cancelled asleep */
static void leave(void *arg)
{
	struct visit *v = arg;

	pthread_mutex_lock(&v->p->queue.lock);
	awake(v);
	pass_on(v->p);
	pthread_mutex_unlock(&v->p->queue.lock);
	odgw_object_put(&v->p->obj);
}

/* left_ms - for epoll_wait(2), which may return too early */
static int left_ms(uint64_t deadline)
{
	uint64_t left = odgw_time_left(deadline);

	if (left == ODGW_FOREVER)
		return -1;
	left = (left + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* sleep - until it is worth another look: 0; or a negative error */
static int sleep_in(struct visit *v)
{
	struct pollfd fds[1 + ODGW_SLEEP_SPARE] = {
		{ .fd = v->p->epfd, .events = POLLIN },
	};
	struct epoll_event ev;
	int slept;

	if (!v->alertable) {
		epoll_wait(v->p->epfd, &ev, 1, left_ms(v->deadline));
		return 0;
	}
	slept = odgw_sleep(fds, 1, v->deadline, true);
	if (slept < 0)
		return slept;
	/* The event is this thread's now. */
	if (slept == ODGW_READY)
		epoll_wait(v->p->epfd, &ev, 1, 0);
	return 0;
}

/* visit - 0, and v->got packets; or a Win32 error */
static int visit(struct visit *v)
{
	struct odgw_iocp *p = v->p;
	bool expired, closed;
	int err;

	for (;;) {
		expired = !odgw_time_left(v->deadline);
		if (atomic_load(&p->strays))
			odgw_queue_reap(&odgw_process_queue);
		pthread_mutex_lock(&p->queue.lock);
		awake(v);
		take(v);
		closed = p->closed;
		if (v->got || closed || expired ||
		    odgw_queue_arm_locked(&p->queue)) {
			pthread_mutex_unlock(&p->queue.lock);
			if (v->got)
				return 0;
			if (closed)
				return ERROR_ABANDONED_WAIT_0;
			if (expired)
				return WAIT_TIMEOUT;
			continue;
		}
		p->sleepers++;
		v->asleep = true;
		pthread_mutex_unlock(&p->queue.lock);

		if (v->alertable && odgw_apc_run())
			return WAIT_IO_COMPLETION;
		err = sleep_in(v);
		if (err)
			return -err;
	}
}

/*
 * greet - a thread that has not taken from this port before runs its APCs first;
 * one that has takes packets first (B-CP12)
 */
static bool greet(struct visit *v)
{
	struct odgw_thread *self = odgw_thread_self();
	bool known = self && self->port == v->p;

	if (v->alertable && !known && odgw_apc_run())
		return true;
	if (self)
		self->port = v->p;
	return false;
}

static int take_from(HANDLE port, struct visit *v)
{
	int err;

	v->p = odgw_iocp_get(port);
	if (!v->p)
		return ERROR_INVALID_HANDLE;
	pthread_cleanup_push(leave, v);
	err = greet(v) ? (int)WAIT_IO_COMPLETION : visit(v);
	pthread_cleanup_pop(1);
	return err;
}

BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE port, LPOVERLAPPED_ENTRY entries,
					ULONG count, PULONG removed, DWORD ms,
					BOOL alertable)
{
	struct visit v = {
		.entries = entries,
		.room = count,
		.deadline = odgw_deadline(ms),
		.alertable = alertable,
	};
	int err;

	odgw_enter();
	if (!entries || !count || !removed)
		return odgw_leave(ERROR_INVALID_PARAMETER), FALSE;
	err = take_from(port, &v);
	if (!err)
		*removed = v.got;
	return !odgw_leave_failed(err);
}

BOOL WINAPI GetQueuedCompletionStatus(HANDLE port, LPDWORD bytes,
				      PULONG_PTR key, LPOVERLAPPED *ov, DWORD ms)
{
	OVERLAPPED_ENTRY entry;
	struct visit v = {
		.entries = &entry,
		.room = 1,
		.deadline = odgw_deadline(ms),
	};
	int err;

	odgw_enter();
	if (!bytes || !key || !ov)
		return odgw_leave(ERROR_INVALID_PARAMETER), FALSE;
	err = take_from(port, &v);
	*ov = NULL;
	if (!err) {
		*ov = entry.lpOverlapped;
		*bytes = entry.dwNumberOfBytesTransferred;
		*key = entry.lpCompletionKey;
		err = odgw_win32_from_status((uint32_t)entry.Internal);
	}
	return !odgw_leave_failed(err);
}
