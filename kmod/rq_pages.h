/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RQ_PAGES_H
#define ODG_RQ_PAGES_H

#include <linux/odgram.h>
#include <linux/skbuff.h>

#include "pincache.h"
#include "rq.h"

struct work_struct;

/* Most pages that a datagram is written to by the addresses of one receive. */
#define ODG_RQ_PIECES (DIV_ROUND_UP(U16_MAX, PAGE_SIZE) + 2 * ODG_MAX_RQ_SEGS)

/**
 * struct odg_rq_fetched - what the work has pinned for a receive
 * @valid: to be looked at: its delivery is being tried; binding->lock
 * @index: of the receive, as rq->cons counts
 * @status: why its memory cannot be had, or 0
 * @tries: how often that was to be waited for
 * @nr: pages of it that were not kept, or were
 * @pieces: these
 *
 * The work's own, but for reading under binding->lock while it is valid.
 */
struct odg_rq_fetched {
	bool valid;
	u32 index;
	int status;
	u32 tries;
	u32 nr;
	struct odg_piece pieces[ODG_RQ_PIECES];
};

/**
 * struct odg_rq_pages - pages of the receives of a request queue that name addresses
 * @nr: how many of @found
 * @found: those that a datagram is about to be written to, in order; binding->lock
 * @missed: rq->cons when some were not kept; binding->lock
 * @missed_len: bytes that the datagram needed then; binding->lock
 * @delay: jiffies until the work tries again; binding->lock
 * @fetched: what the work has
 */
struct odg_rq_pages {
	u32 nr;
	struct odg_piece found[ODG_RQ_PIECES];
	u32 missed;
	u32 missed_len;
	u32 delay;
	struct odg_rq_fetched fetched;
};

bool odg_rq_find_pages(struct odg_rq *rq, u32 len);
void odg_rq_put_pages(struct odg_rq *rq);
bool odg_rq_copy_to_address(struct odg_rq *rq, u64 addr,
			    const struct sk_buff *skb);

bool odg_rq_miss(struct odg_target *target);
void odg_rq_later(struct odg_rq *rq);
void odg_rq_work(struct work_struct *work);

/*
 * Is the memory there that @len bytes of a datagram go to?  Then it stays so until
 * the datagram is delivered, or the target put.  binding->lock is held.
 */
static inline bool odg_target_reaches(const struct odg_target *target, u32 len)
{
	return !target->rq || !target->by_address ||
	       odg_rq_find_pages(target->rq, min(len, target->room));
}

#endif /* ODG_RQ_PAGES_H */
