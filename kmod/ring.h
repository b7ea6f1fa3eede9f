/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RING_H
#define ODG_RING_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <asm/barrier.h>

/**
 * struct odg_ring_shared - what is mapped
 * @prod: written by the kernel only
 * @loud: written by the kernel only
 * @prod_pad: two cache lines for both
 * @cons: written by the program only, and therefore never trusted
 * @cons_pad: two cache lines for it
 * @arm: written by the program, and exchanged for 0 by the kernel
 * @changes: written by the kernel only, if it watches the memory map
 * @errors: counted up by the kernel, of a port that watches: errors of sockets
 * @arm_pad: two cache lines for the three: they are read all the time, and rarely
 *	written
 * @entries: written by the kernel only, never read back
 *
 * Two lines each, because the adjacent-line prefetcher fetches in pairs.
 */
struct odg_ring_shared {
	u32 prod;
	u32 loud;
	u8 prod_pad[120];
	u32 cons;
	u8 cons_pad[124];
	u32 arm;
	u64 changes;
	atomic64_t errors;
	u8 arm_pad[104];
	u8 entries[];
};

/**
 * struct odg_ring - the kernel's side of a completion queue
 * @shared: indices and entries, mapped by the program as well; read under RCU, too
 * @mask: number of entries, a power of two, less one
 * @entry_shift: log2 of the bytes from one entry to the next
 * @prod: next index to write, and how many were; the shared copy publishes its
 *	low half
 * @cons: last index taken over from the program after it was checked
 * @limit: what prod may not pass: entries that the program has not released are
 *	behind it, and as many as are promised to ops that have not completed
 * @bad_cons: impossible consumer indices seen
 *
 * The owner's lock serialises everything here but init and copy.
 */
struct odg_ring {
	struct odg_ring_shared *shared;
	u32 mask;
	u32 entry_shift;
	u64 prod;
	u64 limit;
	u32 cons;
	u64 bad_cons;
};

void odg_ring_init(struct odg_ring *ring, struct odg_ring_shared *shared,
		   u32 entries, u32 entry_size);
size_t odg_ring_bytes(u32 entries, u32 entry_size);
void odg_ring_sync_cons(struct odg_ring *ring);
void odg_ring_copy(const struct odg_ring *to, const struct odg_ring *from,
		   u64 first, u64 end);
int odg_ring_move(struct odg_ring *ring, struct odg_ring *to, u64 copied);

/* May be asked without the lock. */
static inline u32 odg_ring_entries(const struct odg_ring *ring)
{
	return READ_ONCE(ring->mask) + 1;
}

static inline size_t odg_ring_entry_size(const struct odg_ring *ring)
{
	return 1UL << ring->entry_shift;
}

/* Has the queue room for one more promise?  Looks at its consumer if it must. */
static __always_inline bool odg_ring_has_room(struct odg_ring *ring)
{
	if (likely(ring->prod != ring->limit))
		return true;
	odg_ring_sync_cons(ring);
	return ring->prod != ring->limit;
}

/* RESERVE.  False when the queue has no room left for another op. */
static inline bool odg_ring_reserve(struct odg_ring *ring)
{
	if (!odg_ring_has_room(ring))
		return false;
	ring->limit--;
	return true;
}

/* Give a promise back: the op ends without an entry. */
static inline void odg_ring_unreserve(struct odg_ring *ring)
{
	ring->limit++;
}

/* WRITE.  The entry to fill, at ring->prod; the caller holds a promise. */
static __always_inline void *odg_ring_write(const struct odg_ring *ring, u64 prod)
{
	u32 slot = prod & ring->mask;

	return ring->shared->entries + ((size_t)slot << ring->entry_shift);
}

/*
 * SUBMIT.  The entry at @prod becomes visible; the promise is the caller's to take
 * back.
 */
static __always_inline void odg_ring_publish(struct odg_ring *ring, u64 prod,
					     bool quiet)
{
	struct odg_ring_shared *shared = ring->shared;

	ring->prod = ++prod;
	/* (A) pairs with the program's load-acquire of prod (B) */
	smp_store_release(&shared->prod, (u32)prod);
	if (unlikely(quiet))
		return;
	/* after prod, by acquire of loud: who sees something finds it there */
	smp_store_release(&shared->loud, (u32)prod);
}

/* Did the program ask to be told of what was submitted last?  Once. */
static inline bool odg_ring_disarm(struct odg_ring *ring)
{
	/* (I) pairs with the program's between arm and loud (J) */
	smp_mb();
	return unlikely(READ_ONCE(ring->shared->arm)) &&
	       xchg(&ring->shared->arm, 0);
}

/* How many entries the program has not released. */
static inline u32 odg_ring_unread(struct odg_ring *ring)
{
	odg_ring_sync_cons(ring);
	return (u32)ring->prod - ring->cons;
}

#endif /* ODG_RING_H */
