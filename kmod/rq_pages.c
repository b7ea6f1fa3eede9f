// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of receives in a ring that name memory by its address.
 *
 * They are looked for when the datagram comes, in the port's pin cache, which says
 * what a store of the program to that address would reach.  What is found there has a
 * reference until the datagram is written.
 *
 * If a page is not kept, the datagram stays in the socket's queue, and a work item
 * pins what this one needs and tries again.  It holds these pages itself for the time
 * of that, since the cache may have no place for them.  It never waits for the
 * program, which may have put its memory where reading it takes as long as somebody
 * likes: what cannot be had at once it asks for again, less and less often, and in the
 * end gives up.  A file system may make it wait all the same, as one in user space that
 * does not answer: so the works of each port have a queue of their own, and hold up none
 * but its program.
 *
 * Each run of the work either ends or serves a receive, or comes later than the one
 * before: there is no spinning.  A receive that lacks room in the completion queue
 * waits for the program, as any of a ring does.
 *
 * Lifetime of the work: it is queued with binding->lock held and the ring in the
 * binding, so not any more once it is taken out there; then it is cancelled, before
 * the ring is freed.  It has a reference to the binding while it runs.
 */
#include <linux/mm.h>
#include <linux/udp.h>
#include <linux/workqueue.h>

#include "binding.h"
#include "buf.h"
#include "main.h"
#include "port.h"
#include "recv.h"
#include "rq.h"
#include "rq_pages.h"
#include "sockq.h"

/*
 * How often memory is asked for that cannot be had at once, and how late at the latest:
 * some three seconds together.
 */
#define ODG_PIN_TRIES 80
#define ODG_PIN_DELAY_MS 50

/**
 * struct odg_span - a piece of a program's memory
 * @addr: where
 * @len: bytes
 */
struct odg_span {
	unsigned long addr;
	u32 len;
};

/* Take the next page's worth off a span. */
static struct odg_piece odg_span_next(struct odg_span *span)
{
	struct odg_piece piece = {
		.offset = offset_in_page(span->addr),
	};

	piece.len = min_t(u32, span->len, PAGE_SIZE - piece.offset);
	span->addr += piece.len;
	span->len -= piece.len;
	return piece;
}

/* A page that the work holds, with a reference for the caller, or NULL. */
static struct odg_pin *odg_rq_find_fetched(const struct odg_rq_fetched *fetched,
					   unsigned long vpn)
{
	u32 i;

	for (i = 0; fetched->valid && i < fetched->nr; i++) {
		struct odg_pin *pin = fetched->pieces[i].pin;

		if (pin->vpn == vpn) {
			refcount_inc(&pin->ref);
			return pin;
		}
	}
	return NULL;
}

static bool odg_rq_find_span(struct odg_rq *rq, struct odg_span span)
{
	struct odg_rq_pages *pages = rq->pages;

	while (span.len) {
		unsigned long vpn = span.addr >> PAGE_SHIFT;
		struct odg_piece piece = odg_span_next(&span);

		if (pages->nr == ODG_RQ_PIECES)
			return false;
		piece.pin = odg_rq_find_fetched(&pages->fetched, vpn);
		if (!piece.pin)
			piece.pin = odg_pin_find(&rq->port->pins, vpn);
		if (!piece.pin)
			return false;
		pages->found[pages->nr++] = piece;
	}
	return true;
}

/* Of the receive that was read last, the parts that @len bytes go to, in order. */
static u32 odg_rq_spans(const struct odg_rq *rq, u32 len, struct odg_span *spans)
{
	u32 i, nr = 0;

	for (i = 0; len; i++) {
		u32 n = min(len, rq->segs[i].len);

		if (!rq->segs[i].addr)
			spans[nr++] = (struct odg_span) {
				.addr = rq->segs[i].user,
				.len = n,
			};
		len -= n;
	}
	return nr;
}

/**
 * odg_rq_find_pages - find where a datagram is to be written
 * @rq: a receive at its head was read; the lock of its binding is held
 * @len: bytes of the datagram, at most the receive's
 *
 * Return: true if it is there; odg_rq_put_pages() then lets go of it.
 */
bool odg_rq_find_pages(struct odg_rq *rq, u32 len)
{
	struct odg_span spans[ODG_MAX_RQ_SEGS];
	u32 i, nr = odg_rq_spans(rq, len, spans);

	for (i = 0; i < nr; i++) {
		if (!odg_rq_find_span(rq, spans[i])) {
			odg_rq_put_pages(rq);
			rq->pages->missed = rq->cons;
			rq->pages->missed_len = len;
			return false;
		}
	}
	return true;
}

/* The datagram is written, or will not be.  Lock held. */
void odg_rq_put_pages(struct odg_rq *rq)
{
	while (rq->pages->nr)
		odg_pin_put(&rq->port->pins,
			    rq->pages->found[--rq->pages->nr].pin);
}

/* odg_rq_copy_to_address() for a datagram to two pages, or in pieces itself. */
bool odg_rq_copy_pieces(struct odg_pincache *cache, unsigned long addr,
			const struct sk_buff *skb)
{
	u32 len = skb->len - sizeof(struct udphdr), nr = 0;
	struct odg_span span = { .addr = addr, .len = len };
	struct odg_piece pieces[2];
	bool found = false;

	while (span.len) {
		unsigned long vpn = span.addr >> PAGE_SHIFT;

		if (nr == ARRAY_SIZE(pieces))
			goto put;
		pieces[nr] = odg_span_next(&span);
		pieces[nr].pin = odg_pin_find(cache, vpn);
		if (!pieces[nr].pin)
			goto put;
		nr++;
	}
	odg_pieces_write(pieces, skb, sizeof(struct udphdr), len);
	found = true;
put:
	while (nr)
		odg_pin_put(cache, pieces[--nr].pin);
	return found;
}

/**
 * odg_rq_allow_addresses - before the first request queue that names addresses
 * @port: whose; ready
 *
 * Return: 0, -EPERM if its pages are another process's, -ENOMEM.
 */
int odg_rq_allow_addresses(struct odg_port *port)
{
	int ret = odg_pincache_own(&port->pins);
	struct workqueue_struct *wq;

	if (ret || READ_ONCE(port->rq_wq))
		return ret;
	wq = alloc_workqueue("odgram_rq", WQ_UNBOUND, 0);
	if (!wq)
		return -ENOMEM;
	if (cmpxchg(&port->rq_wq, NULL, wq))
		destroy_workqueue(wq);
	return 0;
}

/* Look at it from the work.  binding->lock is held, and the ring is in the binding. */
void odg_rq_later(struct odg_rq *rq)
{
	const struct odg_rq_pages *pages = rq->pages;

	if (pages)
		queue_delayed_work(rq->port->rq_wq, &rq->work,
				   rq->cons == pages->tried ? pages->delay : 0);
	else
		queue_delayed_work(odg_wq, &rq->work, 0);
}

/**
 * odg_rq_miss - a datagram of the queue is for a receive that cannot be reached
 * @target: the receive, with room for its completion
 *
 * Return: true if it was ended, since its memory cannot be had; else the work sees to
 * it, and the target is put.
 */
bool odg_rq_miss(struct odg_target *target)
{
	const struct odg_rq_fetched *fetched = &target->rq->pages->fetched;

	if (fetched->valid && fetched->status &&
	    fetched->index == target->rq->cons) {
		odg_rq_fail(target, fetched->status);
		if (fetched->status == -EFAULT)
			odg_port_bad_entry(target->port);
		return true;
	}
	odg_rq_later(target->rq);
	odg_port_unreserve(target->port);
	return false;
}

/* What is to be fetched for the receive that was missed, if it is still there. */
static u32 odg_rq_plan(struct odg_rq *rq, struct odg_binding *binding,
		       struct odg_span *spans)
{
	struct odg_rq_fetched *fetched = &rq->pages->fetched;
	struct odg_target target;
	u32 nr = 0, posted;

	spin_lock_bh(&binding->lock);
	if (fetched->index != rq->pages->missed) {
		fetched->index = rq->pages->missed;
		fetched->tries = 0;
	}
	posted = odg_rq_posted(rq);
	if (posted && rq->cons == fetched->index &&
	    !odg_rq_read(rq, posted, &target))
		nr = odg_rq_spans(rq, min(rq->pages->missed_len, target.room),
				  spans);
	spin_unlock_bh(&binding->lock);
	return nr;
}

/* All of it, or why not. */
static int odg_rq_fetch_span(struct odg_rq *rq, struct odg_span span)
{
	struct odg_rq_fetched *fetched = &rq->pages->fetched;

	while (span.len) {
		unsigned long vpn = span.addr >> PAGE_SHIFT;
		unsigned long last = (span.addr + span.len - 1) >> PAGE_SHIFT;
		int got;

		got = odg_pins_get_remote(&rq->port->pins, vpn,
					  min_t(unsigned long, last - vpn + 1,
						ODG_PINS_MAX),
					  fetched->pieces + fetched->nr);
		if (got < 0)
			return got;
		fetched->nr += got;
		while (got--)
			odg_span_next(&span);
	}
	return 0;
}

static void odg_rq_fetch(struct odg_rq *rq, struct odg_binding *binding)
{
	struct odg_rq_fetched *fetched = &rq->pages->fetched;
	struct odg_span spans[ODG_MAX_RQ_SEGS];
	u32 i, nr = odg_rq_plan(rq, binding, spans);

	fetched->status = 0;
	for (i = 0; i < nr && !fetched->status; i++)
		fetched->status = odg_rq_fetch_span(rq, spans[i]);
	if (fetched->status == -EAGAIN)
		fetched->status = ++fetched->tries < ODG_PIN_TRIES ? 0 : -EFAULT;
	else
		/* should this receive need others now, not at once */
		fetched->tries = 1;
}

/* Who has no reference to the ring's binding gets one, or NULL if it is gone. */
static struct odg_binding *odg_rq_get_binding(struct odg_rq *rq)
{
	struct odg_binding *binding;

	rcu_read_lock();
	binding = READ_ONCE(rq->binding);
	if (binding && !refcount_inc_not_zero(&binding->ref))
		binding = NULL;
	rcu_read_unlock();
	return binding;
}

/* Try again, with what was fetched. */
static void odg_rq_retry(struct odg_rq *rq, struct odg_binding *binding)
{
	struct odg_rq_pages *pages = rq->pages;

	spin_lock_bh(&binding->lock);
	if (pages) {
		pages->tried = pages->fetched.index;
		pages->delay = msecs_to_jiffies(min_t(u32, pages->fetched.tries,
						      ODG_PIN_DELAY_MS));
		pages->fetched.valid = true;
	}
	if (rq->binding)
		odg_drain(binding);
	if (pages)
		pages->fetched.valid = false;
	spin_unlock_bh(&binding->lock);
}

void odg_rq_work(struct work_struct *work)
{
	struct odg_rq *rq = container_of(to_delayed_work(work), struct odg_rq,
					 work);
	struct odg_binding *binding = odg_rq_get_binding(rq);

	if (!binding)
		return;
	if (rq->pages)
		odg_rq_fetch(rq, binding);
	odg_rq_retry(rq, binding);
	while (rq->pages && rq->pages->fetched.nr)
		odg_pin_put(&rq->port->pins,
			    rq->pages->fetched.pieces[--rq->pages->fetched.nr].pin);
	odg_binding_put(binding);
}
