/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RING_H
#define ODG_RING_H

#include <linux/types.h>

struct odg_ring_shared;

/**
 * struct odg_ring - the kernel's side of a completion queue
 * @shared: indices and entries, mapped by the program as well
 * @entries: number of entries, a power of two
 * @entry_shift: log2 of the bytes from one entry to the next
 * @prod: next index to write; the shared copy only publishes it
 * @cons: last index taken over from the program after it was checked
 * @reserved: entries promised to ops that have not completed
 * @bad_cons: impossible consumer indices seen
 *
 * The owner's lock serialises everything here but init and destroy.
 */
struct odg_ring {
	struct odg_ring_shared *shared;
	u32 entries;
	u32 entry_shift;
	u32 prod;
	u32 cons;
	u32 reserved;
	u64 bad_cons;
};

int odg_ring_init(struct odg_ring *ring, u32 entries, u32 entry_size);
void odg_ring_destroy(struct odg_ring *ring);
size_t odg_ring_bytes(u32 entries, u32 entry_size);

bool odg_ring_reserve(struct odg_ring *ring);
void odg_ring_unreserve(struct odg_ring *ring);
void *odg_ring_write(struct odg_ring *ring);
void odg_ring_submit(struct odg_ring *ring);
u32 odg_ring_unread(struct odg_ring *ring);

u32 odg_ring_off_prod(void);
u32 odg_ring_off_cons(void);
u32 odg_ring_off_entries(void);

#endif /* ODG_RING_H */
