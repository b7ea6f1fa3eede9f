/* SPDX-License-Identifier: MIT */
/* What of a queue's receives is stored (userlib/src/chan_rqs.c), by looking there. */
#ifndef STORED_H
#define STORED_H

#include "chan.h"

/* @ov: that one; NULL: any */
static inline bool has_stored(struct odgw_queue *q, const OVERLAPPED *ov)
{
	const struct odgw_record *rec;
	bool found = false;
	uint32_t i;

	pthread_mutex_lock(&q->lock);
	for (i = 0; q->chan && !found && i < q->chan->entries; i++) {
		rec = &q->chan->records[i];
		found = rec->stored && (!ov || rec->op.overlapped == ov);
	}
	pthread_mutex_unlock(&q->lock);
	return found;
}

#endif /* STORED_H */
