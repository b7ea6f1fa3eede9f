// SPDX-License-Identifier: MIT
/*
 * What is kept of a socket besides its attributes (socket.c): the completion port it
 * is bound to, its notification modes, and the event that a wait for the socket
 * itself waits for.
 *
 * Few sockets have any of it.  The entries stand in chunks that are never freed;
 * whether a descriptor has one in use is read without the lock, which protects the
 * rest.
 */
#include <stdlib.h>

#include "iocp.h"

#define CHUNK		1024
#define MAX_CHUNKS	1024

struct entry {
	atomic_bool used;
	unsigned char modes;
	struct odgw_iocp *port;
	ULONG_PTR key;
	struct odgw_event *event;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct entry *) chunks[MAX_CHUNKS];

/* peek - the entry of a descriptor if it is in use, or NULL */
static struct entry *peek(int fd)
{
	struct entry *chunk = NULL;

	if (fd / CHUNK < MAX_CHUNKS)
		chunk = atomic_load_explicit(&chunks[fd / CHUNK],
					     memory_order_acquire);
	return chunk && atomic_load_explicit(&chunk[fd % CHUNK].used,
					     memory_order_acquire) ?
	       &chunk[fd % CHUNK] : NULL;
}

/* use - the entry of a descriptor, in use from now on; NULL: no memory; lock held */
static struct entry *use(int fd)
{
	struct entry *chunk;

	if (fd / CHUNK >= MAX_CHUNKS)
		return NULL;
	chunk = atomic_load(&chunks[fd / CHUNK]);
	if (!chunk) {
		chunk = calloc(CHUNK, sizeof(*chunk));
		if (!chunk)
			return NULL;
		atomic_store(&chunks[fd / CHUNK], chunk);
	}
	atomic_store(&chunk[fd % CHUNK].used, true);
	return &chunk[fd % CHUNK];
}

struct odgw_assoc odgw_assoc_get(int fd)
{
	struct odgw_assoc a = { 0 };
	struct entry *e = peek(fd);

	if (!e)
		return a;
	pthread_mutex_lock(&lock);
	a = (struct odgw_assoc){ e->port, e->key, e->modes };
	if (a.port)
		odgw_object_get(&a.port->obj);
	pthread_mutex_unlock(&lock);
	return a;
}

int odgw_assoc_bind(int fd, struct odgw_iocp *port, ULONG_PTR key)
{
	struct entry *e;
	int err = 0;

	pthread_mutex_lock(&lock);
	e = use(fd);
	if (!e) {
		err = ERROR_NOT_ENOUGH_MEMORY;
	} else if (e->port) {
		err = ERROR_INVALID_PARAMETER;
	} else {
		e->port = port;
		e->key = key;
		odgw_object_get(&port->obj);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

int odgw_assoc_add_modes(int fd, unsigned char modes)
{
	struct entry *e;

	pthread_mutex_lock(&lock);
	e = use(fd);
	if (e)
		e->modes |= modes;
	pthread_mutex_unlock(&lock);
	return e ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

/*
 * Each overlapped op resets the socket, the end of one without an event signals it.
 * At first it is signaled if none is in flight.
 */
struct odgw_event *odgw_assoc_event(int fd, int *err)
{
	struct odgw_event *ev = NULL;
	bool fresh = false;
	struct entry *e;

	*err = WSA_NOT_ENOUGH_MEMORY;
	pthread_mutex_lock(&lock);
	e = use(fd);
	if (e && !e->event) {
		e->event = odgw_event_new(true, false, err);
		fresh = e->event && !(e->modes & FILE_SKIP_SET_EVENT_ON_HANDLE);
	}
	if (e)
		ev = e->event;
	if (ev)
		odgw_object_get(&ev->obj);
	pthread_mutex_unlock(&lock);
	if (fresh && !odgw_queues_busy(fd))
		odgw_event_set(ev);
	return ev;
}

void odgw_assoc_signal(int fd, bool signaled)
{
	struct entry *e = peek(fd);

	if (!e)
		return;
	pthread_mutex_lock(&lock);
	if (e->event && !signaled)
		odgw_event_reset(e->event);
	else if (e->event && !(e->modes & FILE_SKIP_SET_EVENT_ON_HANDLE))
		odgw_event_set(e->event);
	pthread_mutex_unlock(&lock);
}

void odgw_assoc_forget(int fd)
{
	struct odgw_iocp *port;
	struct odgw_event *ev;
	struct entry *e = peek(fd);

	if (!e)
		return;
	pthread_mutex_lock(&lock);
	port = e->port;
	ev = e->event;
	e->port = NULL;
	e->event = NULL;
	e->modes = 0;
	atomic_store(&e->used, false);
	pthread_mutex_unlock(&lock);
	if (ev) {
		odgw_event_close(ev);
		odgw_event_put(ev);
	}
	if (port)
		odgw_object_put(&port->obj);
}

void odgw_assoc_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_assoc_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
