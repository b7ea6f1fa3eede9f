// SPDX-License-Identifier: MIT
/*
 * Threads by handle: what programs need to queue APCs to them and to wait for their
 * end.  They are ordinary pthreads; any pthread has a handle, too, if it asks.
 *
 * No locks: a new thread tells by a semaphore that it has begun, and waits at
 * another one until it may go on.
 */
#include "thread.h"

struct start {
	struct odgw_thread *t;
	LPTHREAD_START_ROUTINE fn;
	void *arg;
	sem_t begun;
	pid_t tid;
};

/* wait_for - not ended by signals */
static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static void *body(void *arg)
{
	struct start *start = arg, mine = *start;

	start->tid = odgw_thread_id();
	/* After this it is gone. */
	sem_post(&start->begun);
	if (!odgw_thread_adopt(mine.t)) {
		odgw_thread_abandon(mine.t);
		return NULL;
	}
	wait_for(&mine.t->resumed);
	odgw_apc_run();
	mine.t->exit_code = mine.fn(mine.arg);
	return NULL;
}

static int start_thread(struct start *start, SIZE_T stack)
{
	pthread_attr_t attr;
	pthread_t id;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Too small a size is refused: then it is the default. */
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	ret = pthread_create(&id, &attr, body, start);
	pthread_attr_destroy(&attr);
	return ret ? ERROR_NOT_ENOUGH_MEMORY : 0;
}

static HANDLE create(struct start *start, SIZE_T stack, DWORD flags, int *err)
{
	HANDLE h;
	int state;

	*err = ERROR_NOT_ENOUGH_MEMORY;
	start->t = odgw_thread_new();
	if (!start->t)
		return NULL;
	start->t->exit_code = STILL_ACTIVE;
	start->t->suspended = flags & CREATE_SUSPENDED;
	sem_init(&start->t->resumed, 0, !start->t->suspended);
	h = odgw_handle_new(&start->t->obj);
	if (h)
		*err = start_thread(start, stack);
	if (!h || *err) {
		odgw_thread_abandon(start->t);
		odgw_handle_close(h);
		return NULL;
	}
	/* It writes to what is ours. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	wait_for(&start->begun);
	pthread_setcancelstate(state, NULL);
	return h;
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES attributes, SIZE_T stack,
			   LPTHREAD_START_ROUTINE fn, LPVOID arg, DWORD flags,
			   LPDWORD id)
{
	struct start start = { .fn = fn, .arg = arg };
	HANDLE h = NULL;
	int err = 0;

	(void)attributes;
	odgw_enter();
	if (!fn || flags & ~(DWORD)(CREATE_SUSPENDED |
				    STACK_SIZE_PARAM_IS_A_RESERVATION)) {
		err = ERROR_INVALID_PARAMETER;
	} else {
		sem_init(&start.begun, 0, 0);
		h = create(&start, stack, flags, &err);
		sem_destroy(&start.begun);
		if (h && id)
			*id = (DWORD)start.tid;
	}
	odgw_leave_failed(err);
	return h;
}

/* The count that was; a thread cannot be suspended but at its start. */
DWORD WINAPI ResumeThread(HANDLE h)
{
	struct odgw_thread *t;
	DWORD was = (DWORD)-1;
	int err;

	odgw_enter();
	t = odgw_thread_of(h, &err);
	if (t) {
		pthread_mutex_lock(&t->routines.lock);
		was = t->suspended;
		t->suspended = false;
		if (was)
			sem_post(&t->resumed);
		pthread_mutex_unlock(&t->routines.lock);
		odgw_object_put(&t->obj);
	}
	odgw_leave_failed(err);
	return was;
}

VOID WINAPI ExitThread(DWORD code)
{
	struct odgw_thread *self = odgw_thread_peek();

	if (self)
		self->exit_code = code;
	pthread_exit(NULL);
}

BOOL WINAPI GetExitCodeThread(HANDLE h, LPDWORD code)
{
	struct odgw_thread *t;
	int err;

	odgw_enter();
	if (!code)
		return odgw_leave(ERROR_INVALID_PARAMETER), FALSE;
	t = odgw_thread_of(h, &err);
	if (t) {
		pthread_mutex_lock(&t->routines.lock);
		*code = t->exited ? t->exit_code : STILL_ACTIVE;
		pthread_mutex_unlock(&t->routines.lock);
		odgw_object_put(&t->obj);
	}
	return !odgw_leave_failed(err);
}

HANDLE WINAPI GetCurrentThread(VOID)
{
	return (HANDLE)(LONG_PTR)-2;
}

DWORD WINAPI GetCurrentThreadId(VOID)
{
	return (DWORD)odgw_thread_id();
}

HANDLE WINAPI GetCurrentProcess(VOID)
{
	return (HANDLE)(LONG_PTR)-1;
}

static int duplicate(HANDLE from, bool inherit, HANDLE *to)
{
	struct odgw_object *obj;
	int err = 0;

	if (from == GetCurrentThread())
		obj = (struct odgw_object *)odgw_thread_of(from, &err);
	else
		obj = odgw_handle_get(from, NULL);
	if (err)
		return err;
	if (!obj)
		return odgw_socket_duplicate(from, inherit, to);
	*to = odgw_handle_new(obj);
	odgw_object_put(obj);
	return *to ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

BOOL WINAPI DuplicateHandle(HANDLE from_process, HANDLE from, HANDLE to_process,
			    LPHANDLE to, DWORD access, BOOL inherit, DWORD options)
{
	int err;

	(void)access;
	odgw_enter();
	if (from_process != GetCurrentProcess() ||
	    to_process != GetCurrentProcess() || !to)
		err = ERROR_INVALID_PARAMETER;
	else
		err = duplicate(from, inherit, to);
	if (!err && options & DUPLICATE_CLOSE_SOURCE && !odgw_handle_close(from))
		odgw_socket_close_handle(from);
	return !odgw_leave_failed(err);
}
