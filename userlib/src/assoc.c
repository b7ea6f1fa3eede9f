// SPDX-License-Identifier: MIT
/*
 * What is kept of a socket besides its attributes (entry.c): the completion port it
 * is bound to, its notification modes, and the event that a wait for the socket
 * itself waits for.  Duplicates (DuplicateHandle(), WSADuplicateSocket()) share it.
 *
 * Few sockets have any of it.  The entries stand in chunks that are never freed;
 * whether a descriptor has one is read without the lock, which protects the rest.
 */
#include <stdlib.h>

#include "iocp.h"

#define CHUNK		1024
#define MAX_CHUNKS	1024

struct kept {
	unsigned int descriptors;
	unsigned char modes;
	struct odgw_iocp *port;
	ULONG_PTR key;
	struct odgw_event *event;
};

typedef _Atomic(struct kept *) entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
atomic_bool odgw_assoc_any_event;
static _Atomic(entry *) chunks[MAX_CHUNKS];

/* entry_of - of a descriptor; NULL: it never had anything */
static entry *entry_of(int fd)
{
	unsigned int nr = (unsigned int)fd;	/* shifts, where int is divided */
	entry *chunk = NULL;

	if (nr / CHUNK < MAX_CHUNKS)
		chunk = atomic_load_explicit(&chunks[nr / CHUNK],
					     memory_order_acquire);
	return chunk ? &chunk[nr % CHUNK] : NULL;
}

static bool has_any(int fd)
{
	entry *e = entry_of(fd);

	return e && atomic_load_explicit(e, memory_order_relaxed);
}

/* find - what is kept of a descriptor, or NULL; lock held */
static struct kept *find(int fd)
{
	entry *e = entry_of(fd);

	return e ? atomic_load(e) : NULL;
}

/* make_entry - NULL: no memory; lock held */
static entry *make_entry(int fd)
{
	entry *chunk;

	if (fd / CHUNK >= MAX_CHUNKS)
		return NULL;
	chunk = atomic_load(&chunks[fd / CHUNK]);
	if (!chunk) {
		chunk = calloc(CHUNK, sizeof(*chunk));
		if (!chunk)
			return NULL;
		atomic_store(&chunks[fd / CHUNK], chunk);
	}
	return &chunk[fd % CHUNK];
}

/* use - what is kept of a descriptor from now on; NULL: no memory; lock held */
static struct kept *use(int fd)
{
	entry *e = make_entry(fd);
	struct kept *k;

	if (!e)
		return NULL;
	k = atomic_load(e);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return NULL;
		k->descriptors = 1;
		atomic_store(e, k);
	}
	return k;
}

bool odgw_assoc_share(int fd, int copy)
{
	struct kept *k;
	entry *e;

	pthread_mutex_lock(&lock);
	k = use(fd);
	e = make_entry(copy);
	if (k && e) {
		k->descriptors++;
		atomic_store(e, k);
	}
	pthread_mutex_unlock(&lock);
	return k && e;
}

struct odgw_assoc odgw_assoc_get(int fd)
{
	struct odgw_assoc a = { 0 };
	entry *e = entry_of(fd);
	struct kept *k;

	if (!e || !atomic_load_explicit(e, memory_order_relaxed))
		return a;
	pthread_mutex_lock(&lock);
	k = atomic_load(e);
	if (k)
		a = (struct odgw_assoc){ k->port, k->key, k->modes };
	if (a.port)
		odgw_object_get(&a.port->obj);
	pthread_mutex_unlock(&lock);
	return a;
}

int odgw_assoc_bind(int fd, struct odgw_iocp *port, ULONG_PTR key)
{
	struct kept *k;
	int err = 0;

	pthread_mutex_lock(&lock);
	k = use(fd);
	if (!k) {
		err = ERROR_NOT_ENOUGH_MEMORY;
	} else if (k->port) {
		err = ERROR_INVALID_PARAMETER;
	} else {
		k->port = port;
		k->key = key;
		odgw_object_get(&port->obj);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

int odgw_assoc_add_modes(int fd, unsigned char modes)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	k = use(fd);
	if (k)
		k->modes |= modes;
	pthread_mutex_unlock(&lock);
	return k ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

/*
 * Each overlapped op resets the socket, the end of one without an event signals it.
 * At first it is signaled if none is in flight.
 */
struct odgw_event *odgw_assoc_event(int fd, int *err)
{
	struct odgw_event *ev = NULL;
	bool fresh = false;
	struct kept *k;

	*err = WSA_NOT_ENOUGH_MEMORY;
	pthread_mutex_lock(&lock);
	k = use(fd);
	if (k && !k->event) {
		k->event = odgw_event_new(true, false, err);
		atomic_store(&odgw_assoc_any_event, true);
		fresh = k->event && !(k->modes & FILE_SKIP_SET_EVENT_ON_HANDLE);
	}
	if (k)
		ev = k->event;
	if (ev)
		odgw_object_get(&ev->obj);
	pthread_mutex_unlock(&lock);
	if (fresh && !odgw_queues_busy(fd))
		odgw_event_set(ev);
	return ev;
}

/*
 * Few programs wait for sockets.  Who completes an op and finds no event yet did so,
 * with the queue locked, before odgw_assoc_event() asks whether one is in flight.
 */
void odgw_assoc_signal_any(int fd, bool signaled)
{
	struct kept *k;

	if (!has_any(fd))
		return;
	pthread_mutex_lock(&lock);
	k = find(fd);
	if (k && k->event && !signaled)
		odgw_event_reset(k->event);
	else if (k && k->event && !(k->modes & FILE_SKIP_SET_EVENT_ON_HANDLE))
		odgw_event_set(k->event);
	pthread_mutex_unlock(&lock);
}

void odgw_assoc_forget(int fd)
{
	struct kept *k;

	if (!has_any(fd))
		return;
	pthread_mutex_lock(&lock);
	k = find(fd);
	atomic_store(entry_of(fd), NULL);
	if (k && --k->descriptors)
		k = NULL;
	pthread_mutex_unlock(&lock);
	if (!k)
		return;
	if (k->event) {
		odgw_event_close(k->event);
		odgw_event_put(k->event);
	}
	if (k->port)
		odgw_object_put(&k->port->obj);
	free(k);
}

/* In the child, lock held. */
void odgw_assoc_forked(void)
{
	struct kept *k;
	entry *chunk;
	int i, j;

	for (i = 0; i < MAX_CHUNKS; i++) {
		chunk = atomic_load(&chunks[i]);
		for (j = 0; chunk && j < CHUNK; j++) {
			k = atomic_load(&chunk[j]);
			if (k && k->event)
				odgw_event_forked(k->event);
		}
	}
}

void odgw_assoc_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_assoc_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
