/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RQ_H
#define ODG_RQ_H

#include <linux/llist.h>
#include <linux/odgram.h>
#include <linux/odgram_netlink.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <asm/barrier.h>

#include "binding.h"
#include "region.h"

struct odg_cqe_wide;
struct odg_op;
struct odg_rq_pages;
struct odg_shm;
struct socket;
struct vm_area_struct;

/**
 * struct odg_rq_shared - what is mapped
 * @prod: written by the program only, and therefore never trusted
 * @prod_pad: two cache lines for it
 * @cons: written by the kernel only, never read back
 * @flags: written by the kernel only, never read back
 * @cons_pad: two cache lines for both
 * @rqes: written by the program, but for ODG_RQE_DEAD
 */
struct odg_rq_shared {
	u32 prod;
	u8 prod_pad[124];
	u32 cons;
	u32 flags;
	u8 cons_pad[120];
	struct odg_rqe rqes[];
};

/**
 * struct odg_rq - the kernel's side of a request queue
 * @port: whose it is
 * @binding: the socket's binding, NULL once that is gone; binding->lock
 * @shared: indices, flags and entries, mapped by the program as well
 * @mask: number of entries, a power of two, less one
 * @cons: next entry to take; binding->lock.  The shared copy only tells it.
 * @used: bytes used of the standing receive at the head; binding->lock
 * @standing: what is left of it, as it was when we last looked, in the shape of a plain
 *	one; binding->lock
 * @least: it stays while it has so many bytes left; binding->lock
 * @shm: memory of @shared
 * @id: index in port->rqs
 * @pages: for receives that name addresses, or NULL if none may; constant
 * @segs: memory of the receive at the head, as last read: @addr, or if that is NULL,
 *	at the program's @user; binding->lock
 * @work: tries again to serve what is posted (rq_pages.c)
 * @dead: link in port->dead_rqs once the socket is gone, or has another
 */
struct odg_rq {
	struct odg_port *port;
	struct odg_binding *binding;
	struct odg_rq_shared *shared;
	u32 mask;
	u32 cons;
	u32 used;
	u32 least;
	struct odg_rqe standing;
	struct odg_shm *shm;
	u32 id;
	struct odg_rq_pages *pages;
	struct {
		void *addr;
		unsigned long user;
		u32 len;
	} segs[ODG_MAX_RQ_SEGS];
	struct delayed_work work;
	struct llist_node dead;
};

/**
 * struct odg_target - where the next datagram goes
 * @port: who is told
 * @op: the posted op, or NULL if it is a receive of a ring
 * @rq: that ring, or NULL; what follows, to @least, only with one
 * @taken: entries it takes up there
 * @flags: ODG_RQE_* of the first
 * @user_data: its name
 * @addr: its memory, or NULL if that is in rq->segs
 * @by_address: some of it is the program's, by address
 * @least: it stays while it has so many bytes left; 0 if it does not stand
 * @room: bytes of its memory
 * @slow: why there is none
 */
struct odg_target {
	struct odg_port *port;
	struct odg_op *op;
	struct odg_rq *rq;
	u32 taken;
	u32 flags;
	u64 user_data;
	void *addr;
	bool by_address;
	u32 least;
	u32 room;
	enum odg_slow slow;
};

int odg_rq_create(struct odg_port *port, struct odg_rq_create *arg);
int odg_rq_switch(struct odg_port *port, const struct odg_rq_switch *arg);
int odg_rq_cancel(struct odg_port *port, const struct odg_rq_cancel *arg);
int odg_rq_mmap(struct odg_port *port, struct vm_area_struct *vma);
void odg_rq_port_gone(struct odg_port *port);
void odg_rq_socket_gone(struct odg_binding *binding);

void odg_rq_set_need_kick(struct odg_rq *rq, bool need);
int odg_rq_read(struct odg_rq *rq, u32 posted, struct odg_target *target);
bool odg_rq_target(struct odg_rq *rq, struct odg_target *target);
void odg_rq_end(struct odg_target *target, struct odg_cqe_wide *cqe);
void odg_rq_fail(struct odg_target *target, int status);
u32 odg_rq_take(const struct odg_target *target, u32 len);
u32 odg_rq_skip_dead(struct odg_rq *rq, u32 posted);
int odg_rq_cancel_at(struct odg_rq *rq, u32 index, u64 user_data);

/* Is a receive posted?  Without the lock only a hint. */
static inline bool odg_rq_waiting(struct odg_rq *rq)
{
	return READ_ONCE(rq->shared->prod) != READ_ONCE(rq->cons);
}

/* What is at the head has been read. */
static __always_inline void __odg_rq_advance(struct odg_rq *rq, u32 taken)
{
	u32 cons = rq->cons + taken;

	WRITE_ONCE(rq->cons, cons);
	/* by the program's acquire of cons: it may use the entries again */
	smp_store_release(&rq->shared->cons, cons);
}

static inline void odg_rq_advance(struct odg_rq *rq, u32 taken)
{
	odg_binding_forget_seen(rq->binding);
	__odg_rq_advance(rq, taken);
}

/* The same of the one that odg_rq_head() told. */
static __always_inline void odg_rq_advance_one(struct odg_binding *binding)
{
	binding->head++;
	__odg_rq_advance(odg_binding_rq(binding), 1);
}

/* How many entries the program says are posted; 0 if we do not believe it. */
static inline u32 odg_rq_posted(const struct odg_rq *rq)
{
	/* (F) pairs with the program's store-release of prod (E) */
	u32 posted = smp_load_acquire(&rq->shared->prod) - rq->cons;

	return posted <= rq->mask + 1 ? posted : 0;
}

bool odg_rq_look(struct odg_binding *binding);
bool odg_rq_stand(struct odg_binding *binding);

/*
 * Is a receive posted in the ring, and none before it by call?  @rqe is its first entry,
 * whose fields are to be read once each.  The program's index is looked at when all that
 * was seen is taken, not each time.  binding->lock is held.
 */
static __always_inline bool odg_rq_head(struct odg_binding *binding,
					const struct odg_rqe **rqe)
{
	if (unlikely(binding->head == binding->seen) && !odg_rq_look(binding))
		return false;
	*rqe = binding->head;
	return true;
}

static_assert(offsetof(struct odg_rqe, least) ==
	      offsetof(struct odg_rqe, flags) + sizeof(u32));

/* Are its flags and least 0?  They are neighbours, and read as one. */
static __always_inline bool odg_rqe_is_plain(const struct odg_rqe *rqe)
{
	return !READ_ONCE(*(const u64 *)&rqe->flags);
}

/*
 * A datagram of @len bytes came to the standing receive at the head, which had @room for
 * it and goes on while it has @least left.  Does it?
 */
static inline bool odg_rq_stays(struct odg_rq *rq, u32 room, u32 least, u32 len)
{
	u32 next = ALIGN(len, ODG_STANDING_ALIGN);

	if (next > room || room - next < least) {
		rq->used = 0;
		return false;
	}
	rq->used += next;
	return true;
}

/*
 * The same of the one that odg_rq_stand() put at the head, and the receive is over if not.
 */
static inline bool odg_rq_stands_on(struct odg_binding *binding, u32 len)
{
	struct odg_rq *rq = odg_binding_rq(binding);
	u32 used = rq->used;

	if (!odg_rq_stays(rq, rq->standing.len, rq->least, len)) {
		odg_rq_advance(rq, 1);
		return false;
	}
	used = rq->used - used;
	rq->standing.user_data += used;
	rq->standing.offset += used;
	rq->standing.len -= used;
	return true;
}

/* What the flags of an entry say of its completion: ODG_CQE_*. */
static inline u32 odg_rq_cqe_flags(u32 flags)
{
	return flags & ODG_RQE_QUIET ? ODG_CQE_QUIET : 0;
}

#endif /* ODG_RQ_H */
