// SPDX-License-Identifier: MIT
/*
 * What a thread runs in its alertable waits: the routines of ops that have
 * completed, and APCs that were queued to it.
 *
 * All there are run, those too that come meanwhile.  A routine never runs within
 * another: an alertable wait in a routine runs APCs alone.
 *
 * Routines and APCs stand in lists of the thread (thread.h), under the lock of its
 * queue of routines.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "thread.h"

/* next - routines first, in either order of both; lock held */
static bool next(struct odgw_thread *t, struct odgw_note *note, bool *routine)
{
	*routine = false;
	if (!t->in_routine) {
		odgw_queue_reap_locked(&t->routines);
		*routine = odgw_notes_pop(&t->routines.notes, note);
	}
	return *routine || odgw_notes_pop(&t->apcs, note);
}

static void run_routine(struct odgw_thread *t, const struct odgw_note *note)
{
	uint32_t status = note->end.status;

	t->in_routine = true;
	note->routine((DWORD)odgw_wsa_from_status(status), note->end.bytes,
		      note->overlapped, odgw_flags_from_status(status));
	t->in_routine = false;
}

bool odgw_apc_run(void)
{
	struct odgw_thread *t = odgw_thread_peek();
	bool found, routine, ran = false;
	struct odgw_note note;

	if (!t)
		return false;
	for (;;) {
		pthread_mutex_lock(&t->routines.lock);
		found = next(t, &note, &routine);
		pthread_mutex_unlock(&t->routines.lock);
		if (!found)
			return ran;
		if (routine)
			run_routine(t, &note);
		else
			note.apc(note.key);
		ran = true;
	}
}

/* An alertable sleep. */
struct nap {
	struct odgw_thread *t;
	struct odgw_chan *chan;
};

/* wake_up - also when the thread is cancelled asleep */
static void wake_up(void *arg)
{
	struct nap *nap = arg;

	pthread_mutex_lock(&nap->t->routines.lock);
	nap->t->asleep = false;
	odgw_eventfd_drain(nap->t->wake_fd);
	pthread_mutex_unlock(&nap->t->routines.lock);
	odgw_queue_unwatch(nap->chan);
}

/* fall_asleep - false: something is due; else who queues something will wake us */
static bool fall_asleep(struct odgw_thread *t)
{
	bool due;

	pthread_mutex_lock(&t->routines.lock);
	odgw_queue_reap_locked(&t->routines);
	due = t->apcs.first || (t->routines.notes.first && !t->in_routine);
	t->asleep = !due;
	pthread_mutex_unlock(&t->routines.lock);
	return !due;
}

static int sleep_alertably(struct odgw_thread *t, struct pollfd *fds,
			   unsigned int n, uint64_t deadline)
{
	struct nap nap = { .t = t };
	unsigned int i;
	int ret;

	if (t->wake_fd < 0)
		t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->wake_fd < 0)
		return -odgw_wsa_from_errno(errno);
	if (!fall_asleep(t))
		return ODGW_ALERTED;

	fds[n] = (struct pollfd){ .fd = t->wake_fd, .events = POLLIN };
	fds[n + 1] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (!t->in_routine)
		fds[n + 1].fd = odgw_queue_watch(&t->routines, false, &nap.chan);
	pthread_cleanup_push(wake_up, &nap);
	ret = odgw_poll(fds, n + 2, deadline);
	pthread_cleanup_pop(1);

	if (ret <= 0)
		return ret ? -odgw_wsa_from_errno(-ret) : ODGW_TIMED_OUT;
	for (i = 0; i < n; i++)
		if (fds[i].revents)
			return ODGW_READY;
	return ODGW_ALERTED;
}

int odgw_sleep(struct pollfd *fds, unsigned int n, uint64_t deadline,
	       bool alertable)
{
	/* Without a structure, the thread has no routine and no handle. */
	struct odgw_thread *t = alertable ? odgw_thread_peek() : NULL;
	int ret;

	if (t)
		return sleep_alertably(t, fds, n, deadline);
	ret = odgw_poll(fds, n, deadline);
	if (ret < 0)
		return -odgw_wsa_from_errno(-ret);
	return ret ? ODGW_READY : ODGW_TIMED_OUT;
}

/* queue_apc - to a thread; false: it has exited; *err: no memory */
static bool queue_apc(struct odgw_thread *t, PAPCFUNC apc, ULONG_PTR arg, int *err)
{
	struct odgw_note *note = malloc(sizeof(*note));

	if (!note) {
		*err = ERROR_NOT_ENOUGH_MEMORY;
		return false;
	}
	*note = (struct odgw_note){ .apc = apc, .key = arg };
	pthread_mutex_lock(&t->routines.lock);
	if (t->exited) {
		free(note);
		*err = ERROR_GEN_FAILURE;
	} else {
		odgw_notes_add(&t->apcs, note);
		if (t->asleep)
			odgw_eventfd_set(t->wake_fd);
	}
	pthread_mutex_unlock(&t->routines.lock);
	return !*err;
}

DWORD WINAPI QueueUserAPC(PAPCFUNC apc, HANDLE thread, ULONG_PTR arg)
{
	struct odgw_thread *t;
	bool queued = false;
	int err = 0;

	odgw_enter();
	if (!apc) {
		odgw_leave(ERROR_INVALID_PARAMETER);
		return 0;
	}
	t = odgw_thread_of(thread, &err);
	if (t) {
		queued = queue_apc(t, apc, arg, &err);
		odgw_object_put(&t->obj);
	}
	odgw_leave_failed(err);
	return queued;
}

DWORD WINAPI SleepEx(DWORD ms, BOOL alertable)
{
	uint64_t deadline = odgw_deadline(ms);
	struct pollfd fds[ODGW_SLEEP_SPARE];
	DWORD ret = 0;
	int slept;

	odgw_enter();
	do {
		if (alertable && odgw_apc_run()) {
			ret = WAIT_IO_COMPLETION;
			break;
		}
		slept = odgw_sleep(fds, 0, deadline, alertable);
	} while (slept == ODGW_ALERTED);
	odgw_leave_failed(0);
	return ret;
}

VOID WINAPI Sleep(DWORD ms)
{
	SleepEx(ms, FALSE);
}
