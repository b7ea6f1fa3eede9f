/* SPDX-License-Identifier: MIT */
/*
 * Overlapped ops and the queues they complete in.
 *
 * A queue is a kernel port, a record for each op in flight on it, and a FIFO of
 * notes: what is still to be told of ops that have completed.  There are
 *
 *   one of the process	ops told by an event, or not at all: no notes
 *   two a thread	routines of the ops it started; and its calls that block
 *   one a port		I/O completion ports: packets
 *
 * An op's way:
 *
 *   call -> odgw_overlapped_start()	which queue, which event     (overlapped.c)
 *        -> odgw_queue_start()		a record, the system call         (queue.c)
 *					or a store instead             (chan_rqs.c)
 *   kernel: data, completion, eventfd if it was a call
 *   anybody: odgw_queue_reap()		results to where they belong, Internal last,
 *					then a note, if it is to be told so
 *   thread or taker: odgw_notes_pop()	the routine runs, the packet is returned
 *
 * An op that the library completes itself goes odgw_overlapped_end().
 */
#ifndef ODGRAM_QUEUE_H
#define ODGRAM_QUEUE_H

#include "internal.h"

/* How an op ended. */
struct odgw_end {
	uint32_t bytes;
	uint32_t status;		/* NTSTATUS */
};

struct odgw_iocp;
struct odgw_op;

/*
 * Write what an op wants written besides its OVERLAPPED.  @end has been filled in
 * from the completion and may be changed.  Called once, with the queue's lock held.
 */
typedef void (*odgw_store)(const struct odgw_op *op,
			   const struct odg_cqe_wide *cqe, struct odgw_end *end);

/* What a call says of its op; copied when it starts. */
struct odgw_op {
	LPWSAOVERLAPPED overlapped;
	odgw_store store;		/* NULL: nothing else to write */
	union {
		struct {		/* WSARecvFrom() */
			struct sockaddr *from;
			int *fromlen;
		};
		struct _WSAMSG *msg;	/* WSARecvMsg() */
		struct odg_cqe_wide *cqe; /* a call that blocks */
		struct odgw_change *change; /* change.c */
	};
	int family;			/* of the socket */
	/* Of a receive that may be stored (chan_rqs.c): its memory; else NULL. */
	const struct odg_seg *segs;	/* while it starts */
	unsigned int nr_segs;
	unsigned int wanted;		/* WSARecvMsg(): control data, ODGW_TELL_* */

	/* The rest is filled in by overlapped.c. */
	int fd;
	struct odgw_event *ev;		/* with a reference, of the op while it is one */
	bool quiet;			/* no note for a success at once */
	bool no_packet;			/* nor when its socket is bound to a port */
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
	ULONG_PTR key;
	enum odgw_notify { ODGW_NOTIFY_NONE, ODGW_NOTIFY_ROUTINE, ODGW_NOTIFY_PACKET } notify;
};

/* Between a queue and the system call that starts an op. */
struct odgw_ticket {
	uint64_t user_data;		/* in: for the completion */
	int eventfd;			/* in: the bell to ring, or -1 */
	uint64_t id;			/* out: names the op in odg_cancel_id() */
	struct odg_cqe_wide *done;	/* filled with the completion, if done at once */
};

/* Make the system call.  0: pending.  1: done at once.  Negative errno: refused. */
typedef int (*odgw_start)(struct odg_port *port, struct odgw_ticket *ticket,
			  void *arg);

/* What is to be told: a routine or an APC to run, or a packet. */
struct odgw_note {
	struct odgw_note *next;
	struct odgw_chan *home;		/* whose record it is; NULL: from malloc() */
	LPWSAOVERLAPPED overlapped;
	union {
		LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
		PAPCFUNC apc;
	};
	ULONG_PTR key;			/* of a packet; of an APC, its argument */
	struct odgw_end end;
};

struct odgw_notes {
	struct odgw_note *first;
	struct odgw_note *last;		/* valid if first is */
};

struct odgw_queue {
	pthread_mutex_t lock;
	uint32_t entries;		/* bounds ops in flight plus their notes */
	bool blocking;			/* not overlapped: for its thread alone */
	atomic_uint watchers;		/* asleep until its port is readable: odgw_event.silent */
	struct odgw_chan *chan;		/* port and records; NULL until the first op */
	struct odgw_notes notes;
	/* Either may be NULL; lock held. */
	void (*opened)(struct odgw_queue *q, struct odg_port *port);
	void (*noted)(struct odgw_queue *q);
	struct odgw_queue *next;	/* of all queues */
};

/* queue.c */

extern struct odgw_queue odgw_process_queue;

/* Join or leave all queues.  At fini, ops end as cancelled and nobody is told. */
void odgw_queue_init(struct odgw_queue *q, uint32_t entries);
void odgw_queue_fini(struct odgw_queue *q);

/*
 * Start an op.  0: done at once, @end says how.  WSA_IO_PENDING.  Else an error,
 * and there is no op: the reference of its event remains the caller's.
 */
int odgw_queue_start(struct odgw_queue *q, const struct odgw_op *op,
		     odgw_start start, void *arg, struct odgw_end *end);
/* Tell of an op that was none of the kernel's; 0 or an error. */
int odgw_queue_tell(struct odgw_queue *q, const struct odgw_op *op,
		    const struct odgw_end *end);
/*
 * Make a system call that starts no op: with @start done at once, 0, and *@done is
 * filled; or an error, that of -EAGAIN if it would have to wait.
 */
int odgw_queue_try(struct odgw_queue *q, odgw_start start, void *arg,
		   struct odg_cqe_wide *done);
/* Take all completions there are. */
void odgw_queue_reap(struct odgw_queue *q);
void odgw_queue_reap_locked(struct odgw_queue *q);
/*
 * A descriptor that poll(2) finds readable while there is one to take; it stays
 * open until odgw_queue_unwatch().  -1: there was no op yet, and @open does not
 * want a port opened for those to come; or that failed.
 */
int odgw_queue_watch(struct odgw_queue *q, bool open, struct odgw_chan **chan);
void odgw_queue_unwatch(struct odgw_chan *chan);
/* Whether what was watched then is there still: not in a child. */
bool odgw_queue_has(struct odgw_queue *q, const struct odgw_chan *chan);

/* As odg_cq_arm(); lock held. */
uint32_t odgw_queue_arm_locked(struct odgw_queue *q);
/* What is in flight on a socket that was bound to a port now; and until it goes. */
int odgw_queue_redirect(int fd, struct odgw_iocp *to, ULONG_PTR key);
void odgw_queue_redirect_end(const struct odgw_iocp *to);

/* Lock held. */
void odgw_notes_add(struct odgw_notes *notes, struct odgw_note *note);
void odgw_queue_add_note(struct odgw_queue *q, struct odgw_note *note);
bool odgw_notes_pop(struct odgw_notes *notes, struct odgw_note *note);

/* Which ops a cancel means. */
struct odgw_match {
	int fd;				/* -1: any */
	pid_t tid;			/* 0: any */
	const OVERLAPPED *overlapped;	/* NULL: any */
	bool spares_port;		/* not packets without an event */
};

unsigned int odgw_queue_cancel(struct odgw_queue *q,
			       const struct odgw_match *match);

/* queues.c: over all queues */

unsigned int odgw_queues_cancel(const struct odgw_match *match);
unsigned int odgw_queues_cancel_socket(int fd, bool blocking);
bool odgw_queues_find(LPWSAOVERLAPPED ov, enum odgw_notify *notify, int *fd,
		      struct odgw_chan **chan);
void odgw_queues_reap(void);
/* Whether an overlapped op is in flight on a socket. */
bool odgw_queues_busy(int fd);
/* A descriptor is closed, and @to names the same socket: its ops are that one's. */
void odgw_queues_rename(int fd, int to);
/* A descriptor is closed, or a new socket's. */
void odgw_queues_forget_socket(int fd);
void odgw_queues_shutdown(void);
void odgw_queues_lock(void);
void odgw_queues_unlock(void);
bool odgw_queues_forked(void);		/* whether there was a port */
void odgw_queue_forget(struct odgw_queue *q);	/* fini in the child */

/*
 * Have odgram serve a new socket before its first receive, so that an ICMP error
 * which comes earlier is remembered for it (B-U2).
 */
int odgw_queue_attach(int fd, uint32_t flags, uint32_t max_joined);
/* What the module counts of a socket; false: it does not serve it. */
bool odgw_queue_stats(int fd, struct odg_sock_stats *stats);

/* waiter.c: waiting for one op */

extern atomic_uint odgw_nr_waiters;
void odgw_waiters_wake_any(LPWSAOVERLAPPED ov);

/* odgw_waiters_wake - after Internal has been written */
static inline void odgw_waiters_wake(LPWSAOVERLAPPED ov)
{
	/* Sequentially consistent, as is add(): it looks at Internal afterwards. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&odgw_nr_waiters))
		odgw_waiters_wake_any(ov);
}

/*
 * Wait until @ov is complete, or its event is signaled, which is then taken.
 * WSA_OPERATION_ABORTED: @ov is not in flight in this process.
 * WSA_INVALID_HANDLE: its hEvent is no event.  WSA_INVALID_PARAMETER: it has a
 * routine.  WAIT_TIMEOUT, WAIT_IO_COMPLETION.
 */
int odgw_wait_overlapped(LPWSAOVERLAPPED ov, uint64_t deadline,
			 bool alertable);
void odgw_waiters_lock(void);
void odgw_waiters_unlock(void);
void odgw_waiters_forked(void);

/* overlapped.c: what overlapped calls have in common */

/*
 * Start what @op says on @sock (0, WSA_IO_PENDING or an error, as
 * odgw_queue_start()): its event is reset and Internal says that it is pending before;
 * Internal is put back if it is refused.  An end that is known at once and is no
 * success is pending, too: the caller gets exactly one answer.
 */
int odgw_overlapped_start(const struct odgw_socket *sock, struct odgw_op *op,
			  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  odgw_start start, void *arg, struct odgw_end *end);
/*
 * The library did what @op says: tell it as if the kernel had.  0, or an error,
 * and nothing is told.
 */
int odgw_overlapped_end(const struct odgw_socket *sock, struct odgw_op *op,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			const struct odgw_end *end);
/* The hEvent of an OVERLAPPED, with a reference; NULL for none. */
int odgw_overlapped_event(LPWSAOVERLAPPED ov, struct odgw_event **ev);

#endif /* ODGRAM_QUEUE_H */
