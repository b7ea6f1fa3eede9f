// SPDX-License-Identifier: GPL-2.0-only
/*
 * The completion queue: a ring the kernel produces and a program consumes.
 *
 *   post      RESERVE  one entry is promised to the op
 *   complete  WRITE    the entry at prod is filled
 *             SUBMIT   prod is published
 *
 * An entry is promised only while prod is not at the limit, which is cons + entries
 * less what is promised, so a WRITE always finds room: the queue cannot overflow.  The
 * barriers are drawn in the uapi header, where the program's side stands, too; (D) is
 * here, (A) and (I) are in ring.h with all that each completion needs.
 */
#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/mm.h>

#include "ring.h"

size_t odg_ring_bytes(u32 entries, u32 entry_size)
{
	return PAGE_ALIGN(sizeof(struct odg_ring_shared) +
			  (size_t)entries * entry_size);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_bytes);

/* @shared: odg_ring_bytes(), zeroed */
void odg_ring_init(struct odg_ring *ring, struct odg_ring_shared *shared,
		   u32 entries, u32 entry_size)
{
	*ring = (struct odg_ring) {
		.shared = shared,
		.mask = entries - 1,
		.entry_shift = ilog2(entry_size),
		.limit = entries,
	};
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_init);

/* Take over the program's index if it lies between our last one and prod. */
void odg_ring_sync_cons(struct odg_ring *ring)
{
	/* (D) pairs with the program's store-release of cons (C) */
	u32 cons = smp_load_acquire(&ring->shared->cons);
	u32 released = cons - ring->cons;

	if (released > (u32)ring->prod - ring->cons) {
		ring->bad_cons++;
		return;
	}
	ring->cons = cons;
	ring->limit += released;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_sync_cons);

/**
 * odg_ring_copy - entries to where they belong in another ring
 * @to: the other, with entries of the same size
 * @from: the one that has them
 * @first: index of the first
 * @end: and behind the last
 *
 * The program may scribble over them meanwhile, and they are nobody's but its own.
 */
void odg_ring_copy(const struct odg_ring *to, const struct odg_ring *from,
		   u64 first, u64 end)
{
	for (; first != end; first++)
		memcpy(odg_ring_write(to, first), odg_ring_write(from, first),
		       odg_ring_entry_size(from));
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_copy);

/**
 * odg_ring_move - go on in another ring
 * @ring: the ring
 * @to: the other, new; it has the old memory then
 * @copied: the unread entries before this one are there already
 *
 * Indices and promises stay what they are, and it is armed if it was.  In the old
 * memory nothing changes any more, but that it is not armed.
 *
 * Return: 0; or -EINVAL if more is unread and promised than the other holds, and
 * nothing has changed.
 */
int odg_ring_move(struct odg_ring *ring, struct odg_ring *to, u64 copied)
{
	struct odg_ring_shared *shared = to->shared, *old = ring->shared;
	u32 mask = to->mask, taken;

	odg_ring_sync_cons(ring);
	taken = ring->prod + ring->mask + 1 - ring->limit;
	if (taken > mask + 1)
		return -EINVAL;

	odg_ring_copy(to, ring, copied, ring->prod);
	shared->prod = ring->prod;
	shared->loud = READ_ONCE(old->loud);
	shared->cons = ring->cons;
	shared->arm = xchg(&old->arm, 0);
	ring->limit = ring->prod + mask + 1 - taken;
	to->mask = ring->mask;
	to->shared = old;
	WRITE_ONCE(ring->mask, mask);
	/* pairs with the address dependency of who reads it under RCU */
	smp_store_release(&ring->shared, shared);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_move);
