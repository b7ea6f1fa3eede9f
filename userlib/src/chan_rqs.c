// SPDX-License-Identifier: MIT
/*
 * The request queues of a channel: receives that are stored in one cost no system
 * call.
 *
 * A socket gets a request queue when some of its receives have pended.  From then on
 * one is stored there, as the address of its memory, unless
 *
 *   - something waits on the socket: it is done at once then;
 *   - a page of it is not known to be kept by the port.  It was, when a receive by
 *     call pended, and is, while the port's count of changes (ODG_CQ_WATCH) is what
 *     it was before that.  So what cannot be written to is refused at once, and a
 *     datagram finds its page;
 *   - somebody sleeps on the bell of its event.
 *
 * It is posted by call then, and the kernel has one order for both.
 *
 * The kernel rings no bell for what is stored: who reaps sets the event.  So who is
 * to sleep for an event watches the process's port as well while such an op is in
 * flight (odgw_event_silence()).  Everybody who does wakes for everybody's
 * completions, so while one is there, further events have their bells rung.
 *
 * Lifetime: the table is made with the first request queue that may be of use and
 * goes with the channel.  The program's side of a request queue is closed when its
 * descriptor is, or is found to be a new socket's, or the kernel says that it looks
 * there no more; what was stored before that stays posted.
 *
 * The queue's lock protects all of this.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "chan.h"
#include "odgram_ring.h"
#include "port.h"

/* Receives by call that pend before a socket gets a request queue. */
#define PENDED_ENOUGH	4

#define RQ_ENTRIES	256
#define RQ_BYTES	(3 * 4096U)	/* it takes, of what may be locked */
#define MAX_RQS		64		/* of the process */

/* Longer receives are none whose pages the kernel keeps. */
#define MAX_KEPT	32		/* pages */

#define SLOTS		64
#define PAGES		1024

struct slot {
	int fd;				/* of the socket, if it is open or refused */
	unsigned int pended;
	bool open;
	bool refused;			/* it cannot have one */
	struct odg_rq rq;
};

struct odgw_rqs {
	uint64_t changes;		/* as of which pages are known */
	uintptr_t round;		/* in their low bits; the others are forgotten */
	uintptr_t pages[PAGES];
	struct slot slots[SLOTS];
};

static atomic_uint nr_rqs;

static uint64_t changes_now(const struct odgw_chan *chan)
{
	return __atomic_load_n(chan->changes, __ATOMIC_ACQUIRE);
}

static struct slot *slot_of(struct odgw_rqs *rqs, int fd)
{
	return &rqs->slots[(unsigned int)fd % SLOTS];
}

static void close_slot(struct slot *slot)
{
	odg_rq_close(&slot->rq);
	slot->open = false;
	slot->pended = 0;
	atomic_fetch_sub(&nr_rqs, 1);
}

/* Pages */

static uintptr_t *place_of(struct odgw_rqs *rqs, uintptr_t page)
{
	return &rqs->pages[page / ODGW_PAGE % PAGES];
}

static uintptr_t first_page(const struct odg_seg *seg)
{
	return seg->addr & ~(ODGW_PAGE - 1);
}

static uintptr_t nr_pages(const struct odg_seg *seg)
{
	return (seg->addr % ODGW_PAGE + seg->len + ODGW_PAGE - 1) / ODGW_PAGE;
}

/* is_kept - as far as is known now */
static bool is_kept(struct odgw_rqs *rqs, const struct odg_seg *seg)
{
	uintptr_t page = first_page(seg), n;

	for (n = nr_pages(seg); n; n--, page += ODGW_PAGE)
		if (*place_of(rqs, page) != (page | rqs->round))
			return false;
	return true;
}

static void forget_pages(struct odgw_rqs *rqs, uint64_t changes)
{
	rqs->changes = changes;
	rqs->round = (rqs->round + 1) % ODGW_PAGE;
	if (rqs->round)
		return;
	memset(rqs->pages, 0, sizeof(rqs->pages));
	rqs->round = 1;
}

/* learn - what a receive that pended has shown, with the count from before it */
static void learn(struct odgw_rqs *rqs, const struct odgw_op *op,
		  uint64_t changes)
{
	uintptr_t pages = 0, page, n;
	unsigned int i;

	for (i = 0; i < op->nr_segs; i++)
		pages += nr_pages(&op->segs[i]);
	if (pages > MAX_KEPT || changes < rqs->changes)
		return;
	if (changes > rqs->changes)
		forget_pages(rqs, changes);
	for (i = 0; i < op->nr_segs; i++) {
		page = first_page(&op->segs[i]);
		for (n = nr_pages(&op->segs[i]); n; n--, page += ODGW_PAGE)
			*place_of(rqs, page) = page | rqs->round;
	}
}

/* Storing */

/* place_for - the request queue where it can be stored now; or NULL */
static struct slot *place_for(const struct odgw_chan *chan,
			      const struct odgw_op *op)
{
	const struct odg_seg *seg = op->segs, *end = seg + op->nr_segs;
	struct odgw_rqs *rqs = chan->rqs;
	struct slot *slot;

	if (!rqs)
		return NULL;
	slot = slot_of(rqs, op->fd);
	if (!slot->open || slot->fd != op->fd ||
	    __atomic_load_n(slot->rq.__flags, __ATOMIC_RELAXED) ||
	    op->nr_segs > ODG_MAX_RQ_SEGS ||
	    op->nr_segs > odg_rq_room(&slot->rq) ||
	    changes_now(chan) != rqs->changes)
		return NULL;
	do {
		if (!is_kept(rqs, seg))
			return NULL;
	} while (++seg < end);
	return slot;
}

/* can_be_silent - nobody relies on the bell of its event, and nobody will */
static bool can_be_silent(struct odgw_queue *q, struct odgw_event *ev)
{
	return !ev || (q == &odgw_process_queue && !atomic_load(&q->watchers) &&
		       odgw_event_silence(ev));
}

static void write_entries(struct odg_rq *rq, const struct odgw_op *op,
			  uint64_t user_data)
{
	const struct odg_seg *seg = op->segs, *last = seg + op->nr_segs - 1;

	for (; seg < last; seg++)
		odg_rq_write_addr(rq, (void *)(uintptr_t)seg->addr, seg->len,
				  user_data, ODG_RQE_MORE);
	odg_rq_write_addr(rq, (void *)(uintptr_t)seg->addr, seg->len, user_data, 0);
}

/*
 * answer_flags - what came up while it was stored.  False: the kernel does not look
 * there any more, and has not taken it.
 */
static bool answer_flags(struct slot *slot, struct odgw_record *rec,
			 uint32_t flags)
{
	bool taken = true;

	if (flags & ODG_RQ_CLOSED) {
		taken = (int32_t)(__atomic_load_n(slot->rq.__cons,
						  __ATOMIC_ACQUIRE) - rec->at) > 0;
		close_slot(slot);
	} else if (flags & ODG_RQ_NEED_KICK) {
		odg_rq_kick(&slot->rq);
	}
	if (taken)
		return true;
	odgw_rqs_left(rec);
	/* If it is taken yet, that is nobody's completion. */
	odgw_record_renew(rec);
	return false;
}

bool odgw_rqs_store(struct odgw_queue *q, struct odgw_record *rec)
{
	struct slot *slot = place_for(q->chan, &rec->op);
	struct odg_rq *rq;
	uint32_t flags;

	if (!slot || !can_be_silent(q, rec->op.ev))
		return false;
	rq = &slot->rq;
	rec->stored = true;
	rec->at = odg_rq_next(rq);
	write_entries(rq, &rec->op, odgw_record_user_data(rec));
	/* Release: (E) of <linux/odgram.h>, entries before the index */
	__atomic_store_n(rq->__prod, rq->__next, __ATOMIC_RELEASE);
	/* (G): the index before the look at the flags */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = __atomic_load_n(rq->__flags, __ATOMIC_RELAXED);
	return !flags || answer_flags(slot, rec, flags);
}

bool odgw_rqs_cancel(struct odgw_queue *q, struct odgw_record *rec)
{
	struct odg_rq_cancel cancel = {
		.size = sizeof(cancel),
		.fd = rec->op.fd,
		.user_data = odgw_record_user_data(rec),
		.index = rec->at,
	};
	int ret = odgn_port_call(q->chan->port, ODG_RQ_CANCEL, &cancel);

	if (ret == -EAGAIN) {
		/* No room for the completion: there is after this. */
		odgw_queue_reap_locked(q);
		if (rec->stored)
			ret = odgn_port_call(q->chan->port, ODG_RQ_CANCEL,
					     &cancel);
	}
	return ret > 0;
}

/* Making them */

uint64_t odgw_rqs_changes(const struct odgw_queue *q, const struct odgw_op *op)
{
	const struct slot *slot;
	bool mine;

	if (q->chan->rqs) {
		slot = slot_of(q->chan->rqs, op->fd);
		mine = slot->fd == op->fd;
		if (slot->open ? !mine : mine && slot->refused)
			return 0;
	}
	return changes_now(q->chan);
}

/* may_have_more - no more than an eighth of what may be locked */
static bool may_have_more(void)
{
	unsigned int nr = atomic_fetch_add(&nr_rqs, 1) + 1;
	struct rlimit limit;

	if (nr <= MAX_RQS && !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    nr * RQ_BYTES <= limit.rlim_cur / 8)
		return true;
	atomic_fetch_sub(&nr_rqs, 1);
	return false;
}

static void open_slot(struct slot *slot, struct odgw_chan *chan, int fd)
{
	slot->fd = fd;
	slot->pended = 0;
	slot->open = may_have_more();
	if (slot->open && odg_rq_open_addresses(&slot->rq, chan->port, fd,
						RQ_ENTRIES)) {
		slot->open = false;
		atomic_fetch_sub(&nr_rqs, 1);
	}
	slot->refused = !slot->open;
}

/* has_pended - nothing waits any more */
static void has_pended(struct odgw_chan *chan, int fd)
{
	struct slot *slot = slot_of(chan->rqs, fd);

	if (!slot->open) {
		if (++slot->pended >= PENDED_ENOUGH)
			open_slot(slot, chan, fd);
		return;
	}
	if (slot->fd != fd)
		return;
	switch (__atomic_load_n(slot->rq.__flags, __ATOMIC_RELAXED)) {
	case 0:
		break;
	case ODG_RQ_NEED_KICK:
		odg_rq_kick(&slot->rq);
		break;
	default:
		close_slot(slot);
	}
}

void odgw_rqs_pended(struct odgw_queue *q, struct odgw_chan *chan,
		     const struct odgw_op *op, uint64_t changes)
{
	pthread_mutex_lock(&q->lock);
	if (q->chan == chan && !chan->rqs)
		chan->rqs = calloc(1, sizeof(*chan->rqs));
	if (q->chan == chan && chan->rqs) {
		learn(chan->rqs, op, changes);
		has_pended(chan, op->fd);
	}
	pthread_mutex_unlock(&q->lock);
}

void odgw_rqs_forget(struct odgw_chan *chan, int fd)
{
	struct slot *slot = slot_of(chan->rqs, fd);

	if (slot->fd != fd)
		return;
	slot->refused = false;
	if (slot->open)
		close_slot(slot);
}

void odgw_rqs_close(struct odgw_chan *chan)
{
	unsigned int i;

	for (i = 0; chan->rqs && i < SLOTS; i++)
		if (chan->rqs->slots[i].open)
			close_slot(&chan->rqs->slots[i]);
	free(chan->rqs);
	chan->rqs = NULL;
}

/* In the child, where the mappings are not. */
void odgw_rqs_forked(struct odgw_chan *chan)
{
	atomic_store(&nr_rqs, 0);
	free(chan->rqs);
	chan->rqs = NULL;
}
