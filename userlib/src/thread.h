/* SPDX-License-Identifier: MIT */
/* What the library keeps of a thread: thread.c its lifetime, apc.c what it runs. */
#ifndef ODGRAM_THREAD_H
#define ODGRAM_THREAD_H

#include "queue.h"

struct odgw_thread {
	struct odgw_object obj;
	/*
	 * Routines that are due are the notes of this queue.  Its lock protects
	 * apcs, asleep and exited, too.
	 */
	struct odgw_queue routines;
	struct odgw_notes apcs;
	bool asleep;			/* in an alertable sleep: wake it by wake_fd */
	bool exited;

	/* The thread's own */
	struct odgw_queue calls;	/* calls that block */
	int wake_fd;			/* eventfd; -1: it has never slept alertably */
	bool in_routine;		/* the next one waits until it returns */
	bool posts;
	const void *port;		/* the completion port it last took from */

	struct odgw_thread *next;
};

/* The caller's, made if it has none; NULL: no memory. */
struct odgw_thread *odgw_thread_self(void);
/* The caller's, or NULL if it has none. */
struct odgw_thread *odgw_thread_peek(void);
/* The one that a handle names, with a reference; or NULL, and why. */
struct odgw_thread *odgw_thread_of(HANDLE h, int *err);

#endif /* ODGRAM_THREAD_H */
