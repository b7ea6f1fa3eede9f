// SPDX-License-Identifier: GPL-2.0-only
/*
 * The completion queue: a ring the kernel produces and a program consumes.
 *
 *   post      RESERVE  one entry is promised to the op
 *   complete  WRITE    the entry at prod is filled
 *             SUBMIT   prod is published
 *
 * An entry is promised only while  reserved + (prod - cons) < entries, so a
 * WRITE always finds room: the queue cannot overflow.  The barriers are drawn in
 * the uapi header, where the program's side stands, too; (A) and (D) are here.
 */
#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "ring.h"

/**
 * struct odg_ring_shared - what is mapped
 * @prod: written by the kernel only
 * @prod_pad: two cache lines for it
 * @cons: written by the program only, and therefore never trusted
 * @cons_pad: two cache lines for it
 * @entries: written by the kernel only, never read back
 *
 * Two lines each, because the adjacent-line prefetcher fetches in pairs.
 */
struct odg_ring_shared {
	u32 prod;
	u8 prod_pad[124];
	u32 cons;
	u8 cons_pad[124];
	u8 entries[];
};

u32 odg_ring_off_prod(void)
{
	return offsetof(struct odg_ring_shared, prod);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_off_prod);

u32 odg_ring_off_cons(void)
{
	return offsetof(struct odg_ring_shared, cons);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_off_cons);

u32 odg_ring_off_entries(void)
{
	return offsetof(struct odg_ring_shared, entries);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_off_entries);

size_t odg_ring_bytes(u32 entries, u32 entry_size)
{
	return PAGE_ALIGN(sizeof(struct odg_ring_shared) +
			  (size_t)entries * entry_size);
}

int odg_ring_init(struct odg_ring *ring, u32 entries, u32 entry_size)
{
	*ring = (struct odg_ring) {
		.shared = vmalloc_user(odg_ring_bytes(entries, entry_size)),
		.entries = entries,
		.entry_shift = ilog2(entry_size),
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
static void odg_ring_sync_cons(struct odg_ring *ring)
{
	/* (D) pairs with the program's store-release of cons (C) */
	u32 cons = smp_load_acquire(&ring->shared->cons);

	if (cons - ring->cons <= ring->prod - ring->cons)
		ring->cons = cons;
	else
		ring->bad_cons++;
}

/* RESERVE.  False when the queue has no room left for another op. */
bool odg_ring_reserve(struct odg_ring *ring)
{
	if (ring->reserved + (ring->prod - ring->cons) >= ring->entries) {
		odg_ring_sync_cons(ring);
		if (ring->reserved + (ring->prod - ring->cons) >= ring->entries)
			return false;
	}
	ring->reserved++;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_reserve);

/* Give a promise back: the op ends without an entry. */
void odg_ring_unreserve(struct odg_ring *ring)
{
	ring->reserved--;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_unreserve);

/* WRITE.  The entry to fill; the caller holds a promise. */
void *odg_ring_write(struct odg_ring *ring)
{
	u32 slot = ring->prod & (ring->entries - 1);

	return ring->shared->entries + ((size_t)slot << ring->entry_shift);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_write);

/* SUBMIT.  The promise is kept, the entry becomes visible. */
void odg_ring_submit(struct odg_ring *ring)
{
	ring->reserved--;
	ring->prod++;
	/* (A) pairs with the program's load-acquire of prod (B) */
	smp_store_release(&ring->shared->prod, ring->prod);
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_submit);

/* How many entries the program has not released. */
u32 odg_ring_unread(struct odg_ring *ring)
{
	odg_ring_sync_cons(ring);
	return ring->prod - ring->cons;
}
EXPORT_SYMBOL_IF_KUNIT(odg_ring_unread);
