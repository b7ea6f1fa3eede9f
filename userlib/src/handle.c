// SPDX-License-Identifier: MIT
/*
 * HANDLE values and the objects they name: events, threads, completion ports.
 *
 * A value is (generation << 20 | index) << 2: always a multiple of 4, because the
 * low bit of OVERLAPPED.hEvent has a meaning of its own.  A slot's generation
 * changes when its handle is closed, so a stale value is refused; it begins so high
 * that no value is a descriptor: a socket is a HANDLE, too.
 *
 * The lock protects the table.  A look-up takes a reference under it, so an
 * object outlives its handles while somebody uses it.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>

#include "internal.h"

#define INDEX_BITS	20
#define MAX_HANDLES	(1U << INDEX_BITS)
#define FIRST_GENERATION (1U << 10)

_Static_assert((((uintptr_t)FIRST_GENERATION << INDEX_BITS) << 2) > INT_MAX,
	       "a handle is never a descriptor");

struct slot {
	struct odgw_object *obj;	/* NULL: free */
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

	if (index >= nr_slots || !slots[index].obj || value_of(index) != h)
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
			.generation = FIRST_GENERATION,
			.next_free = first_free,
		};
		first_free = i + 1;
	}
	nr_slots = nr;
	return true;
}

void odgw_object_init(struct odgw_object *obj, const struct odgw_type *type)
{
	obj->type = type;
	atomic_init(&obj->refs, 1);
	atomic_init(&obj->handles, 0);
}

void odgw_object_get(struct odgw_object *obj)
{
	atomic_fetch_add_explicit(&obj->refs, 1, memory_order_relaxed);
}

void odgw_object_put(struct odgw_object *obj)
{
	if (atomic_fetch_sub(&obj->refs, 1) == 1)
		obj->type->destroy(obj);
}

HANDLE odgw_handle_new(struct odgw_object *obj)
{
	HANDLE h = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	if (first_free || grow()) {
		slot = &slots[first_free - 1];
		first_free = slot->next_free;
		slot->obj = obj;
		odgw_object_get(obj);
		atomic_fetch_add(&obj->handles, 1);
		h = value_of(slot - slots);
	}
	pthread_mutex_unlock(&lock);
	return h;
}

struct odgw_object *odgw_handle_get(HANDLE h, const struct odgw_type *type)
{
	struct odgw_object *obj = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	slot = slot_of(h);
	if (slot && (!type || slot->obj->type == type)) {
		obj = slot->obj;
		odgw_object_get(obj);
	}
	pthread_mutex_unlock(&lock);
	return obj;
}

/* remove_slot - the handle's reference goes to the caller */
static struct odgw_object *remove_slot(HANDLE h)
{
	struct odgw_object *obj = NULL;
	struct slot *slot;

	pthread_mutex_lock(&lock);
	slot = slot_of(h);
	if (slot) {
		obj = slot->obj;
		slot->obj = NULL;
		if (!++slot->generation)
			slot->generation = FIRST_GENERATION;
		slot->next_free = first_free;
		first_free = slot - slots + 1;
	}
	pthread_mutex_unlock(&lock);
	return obj;
}

bool odgw_handle_close(HANDLE h)
{
	struct odgw_object *obj = remove_slot(h);

	if (!obj)
		return false;
	if (atomic_fetch_sub(&obj->handles, 1) == 1 && obj->type->close)
		obj->type->close(obj);
	odgw_object_put(obj);
	return true;
}

BOOL WINAPI CloseHandle(HANDLE h)
{
	odgw_enter();
	return !odgw_leave_failed(odgw_handle_close(h) ? 0 :
				  odgw_socket_close_handle(h));
}

void odgw_handle_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_handle_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, locks held. */
void odgw_handle_forked(void)
{
	struct odgw_object *obj;
	uint32_t i;

	for (i = 0; i < nr_slots; i++) {
		obj = slots[i].obj;
		if (obj && obj->type->forked)
			obj->type->forked(obj);
	}
}
