// SPDX-License-Identifier: MIT
/*
 * Where the objects of registered I/O live: slots of one size, in address space
 * reserved once, so that they never move and are never unmapped.  Any value can
 * therefore be asked whether it is a handle, with two comparisons and no lock.
 *
 * A slot is used again after it was freed, under a handle with another generation.
 *
 * The RIO lock is held by all here.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "rio.h"

#define MAX_SLOTS	(1U << 20)
#define SPAN		(MAX_SLOTS * ODGW_SLOT_SIZE)
#define GROW		((uintptr_t)1 << 16)	/* bytes made usable at a time */

static bool reserve(struct odgw_slots *slots)
{
	char *base;

	if (slots->base)
		return true;
	/* Without access: it costs no memory, and no promise of any. */
	base = mmap(NULL, SPAN, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return false;
	slots->base = base;
	return true;
}

static struct odgw_slot *new_slot(struct odgw_slots *slots)
{
	char *at = slots->base + slots->used;

	if (slots->used == SPAN)
		return NULL;
	if (slots->used % GROW == 0 &&
	    mprotect(at, GROW, PROT_READ | PROT_WRITE))
		return NULL;
	slots->used += ODGW_SLOT_SIZE;
	return (struct odgw_slot *)(void *)at;
}

void *odgw_slot_take(struct odgw_slots *slots)
{
	struct odgw_slot *slot;
	uint32_t generation;

	if (!slots->first_free)
		return reserve(slots) ? new_slot(slots) : NULL;

	slot = (void *)(slots->base + (slots->first_free - 1) * ODGW_SLOT_SIZE);
	slots->first_free = slot->next_free;
	generation = slot->generation;
	memset((void *)slot, 0, ODGW_SLOT_SIZE);
	slot->generation = generation;
	return slot;
}

void *odgw_slot_publish(void *obj)
{
	struct odgw_slot *slot = obj;

	slot->handle = (uintptr_t)slot | slot->generation % ODGW_SLOT_SIZE;
	return (void *)slot->handle;
}

void odgw_slot_retire(void *obj)
{
	struct odgw_slot *slot = obj;

	slot->handle = 0;
	slot->generation++;
}

void odgw_slot_free(struct odgw_slots *slots, void *obj)
{
	struct odgw_slot *slot = obj;

	slot->next_free = slots->first_free;
	slots->first_free = ((char *)obj - slots->base) / ODGW_SLOT_SIZE + 1;
}
