// SPDX-License-Identifier: MIT
/*
 * Registered buffers.
 *
 * Windows registers a buffer with the process, odgram with a port.  A new buffer
 * is registered with a port of the process that completes nothing, the shelf: so
 * it is pinned and charged, and what is wrong with it is said, when the program
 * registers it.  The first receive that names it moves it to the port of its
 * completion queue.  Only a buffer used with several queues is pinned several
 * times.  Sends read the memory where it is.
 *
 * The RIO lock is held for all changes.  Requests look without it: what they look
 * at changes when a queue gets to know the buffer, which is published by a store
 * with release, and when the buffer or the queue goes, which the program must not
 * let happen at the same time.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "rio.h"

/* A queue, beyond the first, whose port knows the buffer. */
struct odgw_rio_place {
	struct odgw_rio_cq *cq;
	int region;
	struct odgw_rio_place *next;
};

struct odgw_slots odgw_rio_buffers;

static struct odg_port *shelf;

static int error_of(int err)
{
	return err == -ENOSPC ? WSAENOBUFS : odgw_wsa_from_errno(err);
}

static int open_shelf(void)
{
	int ret = shelf ? 0 : odg_port_open(&shelf, 1, 0);

	return ret ? odgw_wsa_from_open(ret) : 0;
}

/* new_buffer - on the shelf; lock held */
static int new_buffer(char *data, uint32_t len, RIO_BUFFERID *id)
{
	struct odgw_rio_buffer *buf;
	int err, region;

	err = open_shelf();
	if (err)
		return err;
	region = odg_region_register(shelf, data, len, NULL);
	if (region < 0)
		return error_of(region);
	buf = odgw_slot_take(&odgw_rio_buffers);
	if (!buf) {
		odg_region_deregister(shelf, region);
		return WSAENOBUFS;
	}
	buf->base = data;
	buf->len = len;
	buf->shelf = region;
	*id = odgw_slot_publish(buf);
	return 0;
}

RIO_BUFFERID WINAPI odgw_rio_register(PCHAR data, DWORD len)
{
	RIO_BUFFERID id = RIO_INVALID_BUFFERID;
	int err = odgw_enter();

	if (!err && !len)
		err = WSAEINVAL;
	if (!err && len > INT_MAX)
		err = WSAENOBUFS;
	if (!err) {
		odgw_rio_lock();
		err = new_buffer(data, len, &id);
		odgw_rio_unlock();
	}
	odgw_leave_failed(err);
	return id;
}

/* drop_places - no port knows it any more; lock held */
static void drop_places(struct odgw_rio_buffer *buf)
{
	struct odgw_rio_place *place;

	if (buf->shelf >= 0)
		odg_region_deregister(shelf, buf->shelf);
	if (buf->cq)
		odg_region_deregister(buf->cq->port, buf->region);
	while ((place = buf->more)) {
		buf->more = place->next;
		odg_region_deregister(place->cq->port, place->region);
		free(place);
	}
}

VOID WINAPI odgw_rio_deregister(RIO_BUFFERID id)
{
	struct odgw_rio_buffer *buf;

	odgw_enter();
	odgw_rio_lock();
	buf = odgw_slot_get(&odgw_rio_buffers, id);
	if (buf) {
		odgw_slot_retire(buf);
		drop_places(buf);
		odgw_slot_free(&odgw_rio_buffers, buf);
	}
	odgw_rio_unlock();
	odgw_leave_failed(0);
}

/* known - whether the port of @cq knows the buffer; no lock needed */
static bool known(const struct odgw_rio_buffer *buf,
		  const struct odgw_rio_cq *cq, int *region)
{
	struct odgw_rio_place *place;

	/* Acquire: both pair with the releases in learn(). */
	if (__atomic_load_n(&buf->cq, __ATOMIC_ACQUIRE) == cq) {
		*region = buf->region;
		return true;
	}
	place = __atomic_load_n(&buf->more, __ATOMIC_ACQUIRE);
	for (; place; place = place->next) {
		if (place->cq == cq) {
			*region = place->region;
			return true;
		}
	}
	return false;
}

/* learn - let the port of @cq know the buffer; lock held */
static int learn(struct odgw_rio_buffer *buf, struct odgw_rio_cq *cq,
		 int *region)
{
	struct odgw_rio_place *place = NULL;

	if (buf->cq) {
		place = malloc(sizeof(*place));
		if (!place)
			return WSAENOBUFS;
	}
	/* Taken off first, so that it is never charged twice without need. */
	if (buf->shelf >= 0)
		odg_region_deregister(shelf, buf->shelf);
	buf->shelf = -1;
	*region = odg_region_register(cq->port, buf->base, buf->len, NULL);
	if (*region < 0) {
		free(place);
		return error_of(*region);
	}

	if (!place) {
		buf->region = *region;
		/* Release: pairs with the acquire of who posts. */
		__atomic_store_n(&buf->cq, cq, __ATOMIC_RELEASE);
	} else {
		*place = (struct odgw_rio_place){ cq, *region, buf->more };
		/* Release: as above. */
		__atomic_store_n(&buf->more, place, __ATOMIC_RELEASE);
	}
	return 0;
}

int odgw_rio_buffer_place(struct odgw_rio_buffer *buf, struct odgw_rio_cq *cq,
			  int *region)
{
	int err = 0;

	if (known(buf, cq, region))
		return 0;
	odgw_rio_lock();
	if (!known(buf, cq, region))
		err = learn(buf, cq, region);
	odgw_rio_unlock();
	return err;
}

/* The port of @cq is gone, and with it what it knew. */
void odgw_rio_buffers_forget(struct odgw_rio_cq *cq)
{
	struct odgw_rio_place **at, *place;
	struct odgw_rio_buffer *buf;

	odgw_slot_for_each(&odgw_rio_buffers, buf) {
		for (at = &buf->more; (place = *at);) {
			if (place->cq == cq) {
				*at = place->next;
				free(place);
			} else {
				at = &place->next;
			}
		}
		if (buf->cq != cq)
			continue;
		buf->cq = NULL;
		place = buf->more;
		if (place) {
			buf->cq = place->cq;
			buf->region = place->region;
			buf->more = place->next;
			free(place);
		}
	}
}

/* The end: the queues are closed already. */
void odgw_rio_buffers_destroy(void)
{
	struct odgw_rio_buffer *buf;

	odgw_slot_for_each(&odgw_rio_buffers, buf) {
		if (!buf->slot.handle)
			continue;
		odgw_slot_retire(buf);
		odgw_slot_free(&odgw_rio_buffers, buf);
	}
	odg_port_close(shelf);
	shelf = NULL;
}
