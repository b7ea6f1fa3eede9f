// SPDX-License-Identifier: MIT
/*
 * What belongs to one thread: its port for calls that block, and the duty to
 * cancel its ops when it exits.
 *
 * A thread's structure is its own; the lock protects only the list of all of
 * them, which a fork child needs to close their ports.
 */
#include <stdlib.h>

#include "internal.h"

struct thread {
	struct odg_port *port;
	bool posts;
	struct thread *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread *threads;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

static void at_exit(void *arg)
{
	struct thread *t = arg, **p;

	if (t->posts)
		odgw_queue_cancel_thread();

	pthread_mutex_lock(&lock);
	for (p = &threads; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	pthread_mutex_unlock(&lock);
	odg_port_close(t->port);
	free(t);
}

static void make_key(void)
{
	have_key = !pthread_key_create(&key, at_exit);
}

/* self - the calling thread's structure, or NULL without memory */
static struct thread *self(void)
{
	struct thread *t;

	pthread_once(&once, make_key);
	if (!have_key)
		return NULL;
	t = pthread_getspecific(key);
	if (t)
		return t;

	t = calloc(1, sizeof(*t));
	if (!t || pthread_setspecific(key, t)) {
		free(t);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	t->next = threads;
	threads = t;
	pthread_mutex_unlock(&lock);
	return t;
}

int odgw_thread_port(struct odg_port **port)
{
	struct thread *t = self();
	int ret;

	if (!t)
		return WSAENOBUFS;
	if (!t->port) {
		/* A blocking call has one op at a time. */
		ret = odg_port_open(&t->port, 1, 0);
		if (ret)
			return odgw_wsa_from_open(ret);
	}
	*port = t->port;
	return 0;
}

int odgw_thread_posts(void)
{
	struct thread *t = self();

	if (!t)
		return WSAENOBUFS;
	t->posts = true;
	return 0;
}

void odgw_thread_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_thread_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: only the caller is left, with a structure or not. */
void odgw_thread_forked(void)
{
	struct thread *mine = have_key ? pthread_getspecific(key) : NULL;
	struct thread *t;

	while (threads) {
		t = threads;
		threads = t->next;
		odg_port_close(t->port);
		if (t != mine)
			free(t);
	}
	if (mine) {
		*mine = (struct thread){ 0 };
		threads = mine;
	}
}
