/* SPDX-License-Identifier: MIT */
/* The inside of a queue: queue.c uses it for one, queues.c for all of them. */
#ifndef ODGRAM_CHAN_H
#define ODGRAM_CHAN_H

#include "queue.h"

struct odgw_record {
	struct odgw_note note;		/* first: a note is found to be of a record */
	struct odgw_op op;
	_Atomic uint64_t id;	/* for cancelling; ODGW_STARTING while it starts */
	pid_t tid;
	uint32_t index;			/* of the record */
	uint32_t serial;
	uint32_t at;			/* if it is stored: its index in the request queue */
	bool stored;			/* there, and so it has no id and rings no bell */
	enum { ODGW_FREE, ODGW_IN_FLIGHT, ODGW_NOTED } state;
	uint32_t next_free;		/* index + 1; 0 ends the list */
	/* Its socket was bound to a port meanwhile: the port, and a note for it. */
	struct odgw_iocp *to;
	struct odgw_note *spare;
};

/* No op's id has that slot; the serial, so that nobody takes it for another op's. */
#define ODGW_STARTING(serial)	((uint64_t)(serial) << 32 | UINT32_MAX)

struct odgw_chan {
	struct odg_port *port;
	const uint64_t *changes;	/* of the memory map, as the port counts them */
	struct odgw_rqs *rqs;		/* chan_rqs.c; NULL until they are of use */
	atomic_uint refs;
	uint32_t first_free;		/* index + 1 */
	uint32_t in_flight;
	uint32_t entries;
	struct odgw_record records[];
};

void odgw_chan_destroy(struct odgw_chan *chan);	/* whoever refers to it */
/* In the child: its port is closed.  A call that an APC forked in may refer to it. */
void odgw_chan_forget(struct odgw_chan *chan);

static inline struct odgw_chan *odgw_chan_get(struct odgw_chan *chan)
{
	atomic_fetch_add_explicit(&chan->refs, 1, memory_order_relaxed);
	return chan;
}

static inline void odgw_chan_put(struct odgw_chan *chan)
{
	if (atomic_fetch_sub(&chan->refs, 1) == 1)
		odgw_chan_destroy(chan);
}

static inline uint64_t odgw_record_user_data(const struct odgw_record *rec)
{
	return (uint64_t)rec->serial << 32 | rec->index;
}

/* odgw_record_renew - it is another op's from now on */
static inline void odgw_record_renew(struct odgw_record *rec)
{
	rec->serial++;
	atomic_store_explicit(&rec->id, ODGW_STARTING(rec->serial),
			      memory_order_relaxed);
}

/* chan_rqs.c; lock held, but for odgw_rqs_pended() */

/* Store a receive that has a record.  False: it is to be posted by call. */
bool odgw_rqs_store(struct odgw_queue *q, struct odgw_record *rec);
/* odgw_rqs_left - the op ends, in whatever way; whether it was stored */
static inline bool odgw_rqs_left(struct odgw_record *rec)
{
	if (!rec->stored)
		return false;
	rec->stored = false;
	if (rec->op.ev)
		odgw_event_silence_ends(rec->op.ev);
	return true;
}

/* End it as cancelled; false: it has completed. */
bool odgw_rqs_cancel(struct odgw_queue *q, struct odgw_record *rec);
/*
 * Before a receive is posted by call: what to give to odgw_rqs_pended() if it pends;
 * 0: nothing would be learnt from that.
 */
uint64_t odgw_rqs_changes(const struct odgw_queue *q, const struct odgw_op *op);
void odgw_rqs_pended(struct odgw_queue *q, struct odgw_chan *chan,
		     const struct odgw_op *op, uint64_t changes);
/* A descriptor names another socket, or none: its request queue is not used any more. */
void odgw_rqs_forget(struct odgw_chan *chan, int fd);
void odgw_rqs_close(struct odgw_chan *chan);
void odgw_rqs_forked(struct odgw_chan *chan);

/* queue.c, and the last queues.c; lock held */
void odgw_queue_shut_down(struct odgw_queue *q);
void odgw_queue_drop_notes(struct odgw_queue *q);
unsigned int odgw_queue_cancel_locked(struct odgw_queue *q,
				      const struct odgw_match *match);

/* queues.c */
void odgw_queues_add(struct odgw_queue *q);
void odgw_queues_remove(struct odgw_queue *q);

#endif /* ODGRAM_CHAN_H */
