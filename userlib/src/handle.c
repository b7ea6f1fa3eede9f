// SPDX-License-Identifier: MIT
/*
 * HANDLE values and the events they name.
 *
 * A value is (generation << 20 | index) << 2: never 0, always a multiple of 4,
 * because the low bit of OVERLAPPED.hEvent has a meaning of its own.  A slot's
 * generation changes when its handle is closed, so a stale value is refused.
 *
 * The lock protects the table.  A look-up takes a reference under it, so an
 * event outlives its handle while somebody uses it.
 */
#include <stdlib.h>

#include "internal.h"

#define INDEX_BITS	20
#define MAX_HANDLES	(1U << INDEX_BITS)

struct slot {
	struct odgw_event *ev;		/* NULL: free */
	uint32_t generation;
	uint32_t next_free;		/* index + 1; 0 ends the list */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *slots;
static uint32_t nr_slots;
static uint32_t first_free;		/* index + 1 */

static HANDLE value_of(uint32_t index)
{
	return (HANDLE)(((uintptr_t)slots[index].generation << INDEX_BITS |
			 index) << 2);
}

/* slot_of - the slot that @h names, or NULL; lock held */
static struct slot *slot_of(HANDLE h)
{
	uint32_t index = ((uintptr_t)h >> 2) & (MAX_HANDLES - 1);

	if (index >= nr_slots || !slots[index].ev || value_of(index) != h)
		return NULL;
	return &slots[index];
}

/* grow - put new slots on the free list; lock held */
static bool grow(void)
{
	uint32_t i, nr = nr_slots ? 2 * nr_slots : 64;
	struct slot *bigger;

	if (nr > MAX_HANDLES)
		return false;
	bigger = realloc(slots, nr * sizeof(*slots));
	if (!bigger)
		return false;
	slots = bigger;
	for (i = nr; i-- > nr_slots;) {
		slots[i] = (struct slot){
			.generation = 1,
			.next_free = first_free,
		};
		first_free = i + 1;
	}
	nr_slots = nr;
	return true;
}

HANDLE odgw_handle_new(struct odgw_event *ev)
{
	HANDLE h = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	if (first_free || grow()) {
		slot = &slots[first_free - 1];
		first_free = slot->next_free;
		slot->ev = ev;
		h = value_of(slot - slots);
	}
	pthread_mutex_unlock(&lock);
	return h;
}

struct odgw_event *odgw_handle_get(HANDLE h)
{
	struct odgw_event *ev = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	slot = slot_of(h);
	if (slot) {
		ev = slot->ev;
		atomic_fetch_add(&ev->refs, 1);
	}
	pthread_mutex_unlock(&lock);
	return ev;
}

/* The handle's reference goes to the caller. */
struct odgw_event *odgw_handle_remove(HANDLE h)
{
	struct odgw_event *ev = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	slot = slot_of(h);
	if (slot) {
		ev = slot->ev;
		slot->ev = NULL;
		/* 0 would make index 0 the NULL handle. */
		if (!++slot->generation)
			slot->generation = 1;
		slot->next_free = first_free;
		first_free = slot - slots + 1;
	}
	pthread_mutex_unlock(&lock);
	return ev;
}

void odgw_handle_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_handle_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child: another thread of the parent may have been within a post. */
void odgw_handle_forked(void)
{
	uint32_t i;

	for (i = 0; i < nr_slots; i++)
		if (slots[i].ev)
			pthread_mutex_init(&slots[i].ev->posting, NULL);
}
