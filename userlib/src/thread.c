// SPDX-License-Identifier: MIT
/*
 * What belongs to one thread: its two queues, its APCs, and the duty to cancel its
 * ops when it exits, however it does.
 *
 * The structure outlives the thread while a handle names it.  The lock protects
 * only the list of all of them, which a fork child needs.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "thread.h"

/* Calls that block nest in APCs; few do so, and these all fit into a page. */
#define CALL_ENTRIES	16
/* Bounds the routines pending to one thread; 128 bytes of locked memory each. */
#define ROUTINE_ENTRIES	1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct odgw_thread *threads;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;
static _Thread_local pid_t tid;
static _Thread_local struct odgw_thread *mine;

pid_t odgw_thread_id(void)
{
	if (!tid)
		tid = gettid();
	return tid;
}

/* waitable - the thread by itself: signaled when it has exited */
static struct odgw_event *waitable(struct odgw_object *obj)
{
	struct odgw_thread *t = (struct odgw_thread *)obj;
	int err;

	pthread_mutex_lock(&t->routines.lock);
	if (!t->done)
		t->done = odgw_event_new(true, t->exited, &err);
	pthread_mutex_unlock(&t->routines.lock);
	return t->done;
}

static void destroy(struct odgw_object *obj)
{
	struct odgw_thread *t = (struct odgw_thread *)obj;

	if (t->done)
		odgw_event_put(t->done);
	if (t->wake_fd >= 0)
		odgw_close(t->wake_fd);
	pthread_mutex_destroy(&t->calls.lock);
	pthread_mutex_destroy(&t->routines.lock);
	free(t);
}

static void forked(struct odgw_object *obj)
{
	struct odgw_thread *t = (struct odgw_thread *)obj;

	if (t->done)
		odgw_event_forked(t->done);
}

const struct odgw_type odgw_thread_type = {
	.waitable = waitable,
	.forked = forked,
	.destroy = destroy,
};

static void drop_apcs(struct odgw_thread *t)
{
	struct odgw_note note;

	while (odgw_notes_pop(&t->apcs, &note))
		;
}

/*
 * at_exit - by return, pthread_exit() and pthread_cancel().  A port's packets that
 * have no event are not cancelled (B-CP14); routines are dropped.
 */
static void at_exit(void *arg)
{
	struct odgw_match all_mine = {
		.fd = -1,
		.tid = odgw_thread_id(),
		.spares_port = true,
	};
	struct odgw_thread *t = arg;

	mine = NULL;
	if (t->posts)
		odgw_queues_cancel(&all_mine);
	odgw_thread_abandon(t);
}

void odgw_thread_abandon(struct odgw_thread *t)
{
	struct odgw_thread **p;

	odgw_queue_fini(&t->calls);
	odgw_queue_fini(&t->routines);

	pthread_mutex_lock(&t->routines.lock);
	t->exited = true;
	drop_apcs(t);
	if (t->done)
		odgw_event_set(t->done);
	pthread_mutex_unlock(&t->routines.lock);

	pthread_mutex_lock(&lock);
	for (p = &threads; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	pthread_mutex_unlock(&lock);
	odgw_object_put(&t->obj);
}

static void make_key(void)
{
	have_key = !pthread_key_create(&key, at_exit);
}

/* noted - a routine is due: another thread may have reaped it; lock held */
static void noted(struct odgw_queue *q)
{
	struct odgw_thread *t = (struct odgw_thread *)
		((char *)q - offsetof(struct odgw_thread, routines));

	if (t->asleep)
		odgw_eventfd_set(t->wake_fd);
}

struct odgw_thread *odgw_thread_peek(void)
{
	return mine;
}

struct odgw_thread *odgw_thread_new(void)
{
	struct odgw_thread *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	odgw_object_init(&t->obj, &odgw_thread_type);
	odgw_queue_init(&t->calls, CALL_ENTRIES);
	odgw_queue_init(&t->routines, ROUTINE_ENTRIES);
	t->calls.blocking = true;
	t->routines.noted = noted;
	t->wake_fd = -1;

	pthread_mutex_lock(&lock);
	t->next = threads;
	threads = t;
	pthread_mutex_unlock(&lock);
	return t;
}

bool odgw_thread_adopt(struct odgw_thread *t)
{
	pthread_once(&once, make_key);
	if (!have_key || pthread_setspecific(key, t))
		return false;
	mine = t;
	return true;
}

struct odgw_thread *odgw_thread_self(void)
{
	struct odgw_thread *t = odgw_thread_peek();

	if (t)
		return t;
	t = odgw_thread_new();
	if (t && !odgw_thread_adopt(t)) {
		odgw_thread_abandon(t);
		t = NULL;
	}
	return t;
}

struct odgw_thread *odgw_thread_of(HANDLE h, int *err)
{
	struct odgw_thread *t;

	if (h == GetCurrentThread()) {
		t = odgw_thread_self();
		*err = t ? 0 : ERROR_NOT_ENOUGH_MEMORY;
		if (t)
			odgw_object_get(&t->obj);
	} else {
		t = (struct odgw_thread *)odgw_handle_get(h,
							   &odgw_thread_type);
		*err = t ? 0 : ERROR_INVALID_HANDLE;
	}
	return t;
}

int odgw_thread_posts(void)
{
	struct odgw_thread *t = odgw_thread_self();

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

/*
 * In the child, locks held and the queues' ports closed: only the caller is left,
 * with a structure or not.  Those of others stay allocated, a handle may name them.
 */
void odgw_thread_forked(void)
{
	struct odgw_thread *t;

	tid = 0;
	for (t = threads; t; t = t->next) {
		/* The parent's, too. */
		if (t->wake_fd >= 0)
			odgw_close(t->wake_fd);
		t->wake_fd = -1;
		if (t == mine)
			continue;
		odgw_queue_forget(&t->calls);
		odgw_queue_forget(&t->routines);
		pthread_mutex_init(&t->routines.lock, NULL);
		t->exited = true;
		if (t->done)
			odgw_event_set(t->done);
	}
	threads = mine;
	if (mine) {
		mine->next = NULL;
		mine->posts = false;
		mine->asleep = false;
		drop_apcs(mine);
	}
}
