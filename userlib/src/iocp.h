/* SPDX-License-Identifier: MIT */
/* I/O completion ports: iocp.c; which socket belongs to which: assoc.c. */
#ifndef ODGRAM_IOCP_H
#define ODGRAM_IOCP_H

#include "queue.h"

/* What becomes a packet when the kernel says so in memory it shares. */
struct odgw_trigger {
	const uint32_t *arm;		/* not 0 as long as it says nothing */
	struct odgw_note *note;		/* the packet; not NULL: it is waited for */
	struct odgw_trigger *next;
};

struct odgw_iocp {
	struct odgw_object obj;
	struct odgw_queue queue;	/* its lock protects the rest, too */
	int epfd;			/* what takers sleep in */
	int wake_fd;			/* eventfd, in epfd: wakes the last to fall asleep */
	unsigned int sleepers;
	bool waking;			/* wake_fd was set for one that has not come yet */
	bool taking;			/* who reaps now is awake */
	bool closed;
	struct odgw_event *ready;	/* once its handle was waited for: not empty */
	struct odgw_trigger *triggers;	/* those that are waited for */
	atomic_uint strays;		/* of the process's queue, to come here */
	int stray_fd;			/* their port, in epfd while there are some */
};

extern const struct odgw_type odgw_iocp_type;

/* A packet of malloc()'s, the port's from now on. */
void odgw_iocp_deliver(struct odgw_iocp *p, struct odgw_note *note);
/* With a reference, or NULL. */
struct odgw_iocp *odgw_iocp_get(HANDLE h);
/*
 * Wait for a trigger, which is not waited for; the note is the port's from now on.
 * When it says so it is a packet for whoever takes, or looks by odgw_iocp_fired();
 * the kernel is to signal @wake_fd then.
 */
void odgw_iocp_await(struct odgw_iocp *p, struct odgw_trigger *t,
		     struct odgw_note *note);
bool odgw_iocp_fired(struct odgw_iocp *p, struct odgw_trigger *t);
void odgw_iocp_forget(struct odgw_iocp *p, struct odgw_trigger *t);
/* Who waits for the handle: make packets of what there is, the wake-up's cause, too. */
void odgw_iocp_look(struct odgw_iocp *p);
/* One more op of the process's queue, whose port is @fd, will come here; one less. */
void odgw_iocp_stray(struct odgw_iocp *p, int fd);
void odgw_iocp_stray_gone(struct odgw_iocp *p);

/* assoc.c */

struct odgw_assoc {
	struct odgw_iocp *port;		/* with a reference; NULL: none */
	ULONG_PTR key;
	unsigned char modes;		/* FILE_SKIP_* */
};

struct odgw_assoc odgw_assoc_get(int fd);
/* @copy is another descriptor of the socket @fd; false: no memory. */
bool odgw_assoc_share(int fd, int copy);
int odgw_assoc_bind(int fd, struct odgw_iocp *port, ULONG_PTR key);
int odgw_assoc_add_modes(int fd, unsigned char modes);
/*
 * The event that a wait for the socket waits for, with a reference; NULL: no
 * memory or no descriptor.
 */
struct odgw_event *odgw_assoc_event(int fd, int *err);
extern atomic_bool odgw_assoc_any_event;	/* was there ever one? */

void odgw_assoc_signal_any(int fd, bool signaled);

/* odgw_assoc_signal - an op was started (false), or one without event completed (true) */
static inline void odgw_assoc_signal(int fd, bool signaled)
{
	if (atomic_load(&odgw_assoc_any_event))
		odgw_assoc_signal_any(fd, signaled);
}

void odgw_assoc_forget(int fd);		/* before the descriptor is closed */
void odgw_assoc_forked(void);
void odgw_assoc_lock(void);
void odgw_assoc_unlock(void);

#endif /* ODGRAM_IOCP_H */
