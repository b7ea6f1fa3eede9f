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
#include <linux/vmalloc.h>

#include "ring.h"

size_t odg_ring_bytes(u32 entries, u32 entry_size)
{
	return PAGE_ALIGN(sizeof(struct odg_ring_shared) +
			  (size_t)entries * entry_size);
}

int odg_ring_init(struct odg_ring *ring, u32 entries, u32 entry_size)
{
	*ring = (struct odg_ring) {
		.shared = vmalloc_user(odg_ring_bytes(entries, entry_size)),
		.mask = entries - 1,
		.entry_shift = ilog2(entry_size),
		.limit = entries,
	};
	return ring->shared ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_init);

void odg_ring_destroy(struct odg_ring *ring)
{
	vfree(ring->shared);
	ring->shared = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_destroy);

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
