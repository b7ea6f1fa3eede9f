/* SPDX-License-Identifier: MIT */
/* What the library keeps of a thread: thread.c its lifetime, apc.c what it runs. */
#ifndef ODGRAM_THREAD_H
#define ODGRAM_THREAD_H

#include <semaphore.h>

#include "queue.h"

struct odgw_thread {
	struct odgw_object obj;
	/*
	 * Routines that are due are the notes of this queue.  Its lock protects
	 * what follows, too.
	 */
	struct odgw_queue routines;
	struct odgw_notes apcs;
	bool asleep;			/* in an alertable sleep: wake it by wake_fd */
	bool exited;
	DWORD exit_code;
	struct odgw_event *done;	/* once somebody waited for the thread */
	bool suspended;			/* until ResumeThread() posts "resumed" */
	sem_t resumed;			/* CreateThread() only */

	/* The thread's own */
	struct odgw_queue calls;	/* calls that block */
	int wake_fd;			/* eventfd; -1: it has never slept alertably */
	bool in_routine;		/* the next one waits until it returns */
	bool posts;
	const void *port;		/* the completion port it last took from */

	struct odgw_thread *next;
};

extern const struct odgw_type odgw_thread_type;

/* One for a thread to come, which has to take it as its own. */
struct odgw_thread *odgw_thread_new(void);
bool odgw_thread_adopt(struct odgw_thread *t);
/* It does not come. */
void odgw_thread_abandon(struct odgw_thread *t);

/* The caller's, made if it has none; NULL: no memory. */
struct odgw_thread *odgw_thread_self(void);
/* The caller's, or NULL if it has none. */
struct odgw_thread *odgw_thread_peek(void);
/* The one that a handle names, with a reference; or NULL, and why. */
struct odgw_thread *odgw_thread_of(HANDLE h, int *err);

#endif /* ODGRAM_THREAD_H */
