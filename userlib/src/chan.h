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
	uint32_t serial;
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
	atomic_uint refs;
	uint32_t first_free;		/* index + 1 */
	uint32_t in_flight;
	uint32_t entries;
	struct odgw_record records[];
};

struct odgw_chan *odgw_chan_get(struct odgw_chan *chan);
void odgw_chan_put(struct odgw_chan *chan);
void odgw_chan_destroy(struct odgw_chan *chan);	/* whoever refers to it */
void odgw_chan_forget(struct odgw_chan *chan);	/* in the child: so are its ops */

/* queue.c; lock held */
void odgw_queue_shut_down(struct odgw_queue *q);
void odgw_queue_drop_notes(struct odgw_queue *q);

/* queues.c */
void odgw_queues_add(struct odgw_queue *q);
void odgw_queues_remove(struct odgw_queue *q);

#endif /* ODGRAM_CHAN_H */
