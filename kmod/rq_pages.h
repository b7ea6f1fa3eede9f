/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RQ_PAGES_H
#define ODG_RQ_PAGES_H

#include <linux/highmem.h>
#include <linux/odgram.h>
#include <linux/skbuff.h>
#include <linux/udp.h>

#include "pincache.h"
#include "port.h"
#include "rq.h"

struct work_struct;

/* Most pages that a datagram is written to by the addresses of one receive. */
#define ODG_RQ_PIECES (DIV_ROUND_UP(U16_MAX, PAGE_SIZE) + 2 * ODG_MAX_RQ_SEGS)

/**
 * struct odg_rq_fetched - what the work has pinned for a receive
 * @valid: to be looked at: its delivery is being tried; binding->lock
 * @index: of the receive, as rq->cons counts
 * @status: why its memory cannot be had, or 0
 * @tries: how often that was to be waited for, or it was there in vain
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
 * @tried: of the receive that the work tried last, as rq->cons counts; binding->lock
 * @delay: jiffies until it tries the same again; binding->lock
 * @fetched: what the work has
 */
struct odg_rq_pages {
	u32 nr;
	struct odg_piece found[ODG_RQ_PIECES];
	u32 missed;
	u32 missed_len;
	u32 tried;
	u32 delay;
	struct odg_rq_fetched fetched;
};

int odg_rq_allow_addresses(struct odg_port *port);
bool odg_rq_find_pages(struct odg_rq *rq, u32 len);
void odg_rq_put_pages(struct odg_rq *rq);
bool odg_rq_copy_pieces(struct odg_pincache *cache, unsigned long addr,
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

/**
 * odg_rq_copy_to_address - the straight way: a datagram in the hook
 * @rq: whose receive; the lock of its binding is held
 * @addr: the receive's address
 * @skb: the datagram, not longer than the receive
 *
 * Return: false if the pages are not kept, or are more than two, and it was not
 * written.
 */
static __always_inline bool odg_rq_copy_to_address(struct odg_rq *rq, u64 addr,
						   const struct sk_buff *skb)
{
	struct odg_pincache *cache = &rq->port->pins;
	u32 len = skb->len - sizeof(struct udphdr);
	u32 offset = offset_in_page(addr);
	struct odg_pin *pin;
	void *page;

	if (unlikely(!rq->pages || addr != (unsigned long)addr))
		return false;
	if (unlikely(offset + len > PAGE_SIZE || skb->data_len))
		return odg_rq_copy_pieces(cache, addr, skb);
	pin = odg_pin_find(cache, addr >> PAGE_SHIFT);
	if (unlikely(!pin))
		return false;
	page = kmap_local_page(pin->page);
	memcpy(page + offset, skb->data + sizeof(struct udphdr), len);
	kunmap_local(page);
	odg_pin_put(cache, pin);
	return true;
}

#endif /* ODG_RQ_PAGES_H */
