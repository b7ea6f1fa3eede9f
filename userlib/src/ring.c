// SPDX-License-Identifier: MIT
/*
 * Regions and request queues: what of odgram_ring.h is not inline.
 *
 * No locks: a struct odg_rq belongs to one producer, and the kernel orders the
 * calls on a port.
 */
#include <errno.h>
#include <sys/mman.h>

#include "odgram_ring.h"
#include "port.h"

int odg_region_register(struct odg_port *port, void *addr, size_t len,
			struct odg_region_add *info)
{
	struct odg_region_add add = {
		.size = sizeof(add),
		.addr = (uintptr_t)addr,
		.len = len,
	};
	int ret = odgn_port_call(port, ODG_REGION_ADD, &add);

	if (ret)
		return ret;
	if (info)
		*info = add;
	return (int)add.id;
}

int odg_region_deregister(struct odg_port *port, int id)
{
	struct odg_region_del del = { .size = sizeof(del), .id = (uint32_t)id };

	return odgn_port_call(port, ODG_REGION_DEL, &del);
}

/* create_queue - the socket's or the port's spare one, and map it */
static int create_queue(struct odg_rq *rq, struct odg_port *port, int sockfd,
			uint32_t entries, uint32_t flags)
{
	struct odg_rq_create create = {
		.size = sizeof(create),
		.fd = sockfd,
		.entries = entries,
		.flags = flags,
	};
	int saved = errno;
	uint8_t *map;
	int ret;

	ret = odgn_port_call(port, ODG_RQ_CREATE, &create);
	if (ret)
		return ret;
	map = mmap(NULL, create.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   odg_port_fd(port), (off_t)create.mmap_offset);
	if (map == MAP_FAILED) {
		ret = -errno;
		errno = saved;
		return ret;
	}

	*rq = (struct odg_rq){
		.__entries = (void *)(map + create.off_entries),
		.__prod = (void *)(map + create.off_prod),
		.__cons = (void *)(map + create.off_cons),
		.__flags = (void *)(map + create.off_flags),
		.__mask = create.entries - 1,
		.__port = port,
		.__sockfd = sockfd,
		.__map = map,
		.__map_size = create.mmap_size,
		.__kind = flags & ODG_RQ_ADDRESSES,
	};
	return 0;
}

int odg_rq_open(struct odg_rq *rq, struct odg_port *port, int sockfd,
		uint32_t entries)
{
	return create_queue(rq, port, sockfd, entries, 0);
}

int odg_rq_open_addresses(struct odg_rq *rq, struct odg_port *port, int sockfd,
			  uint32_t entries)
{
	return create_queue(rq, port, sockfd, entries, ODG_RQ_ADDRESSES);
}

int odg_rq_resize(struct odg_rq *rq, uint32_t entries)
{
	struct odg_rq_switch change = {
		.size = sizeof(change),
		.fd = rq->__sockfd,
	};
	struct odg_rq other;
	int ret;

	ret = odg_rq_submit(rq);
	if (!ret)
		ret = create_queue(&other, rq->__port, rq->__sockfd, entries,
				   ODG_RQ_SPARE | rq->__kind);
	if (ret)
		return ret;
	ret = odgn_port_call(rq->__port, ODG_RQ_SWITCH, &change);
	if (ret) {
		odg_rq_close(&other);
		return ret;
	}
	other.__next = rq->__next;
	odg_rq_close(rq);
	*rq = other;
	return 0;
}

void odg_rq_close(struct odg_rq *rq)
{
	munmap(rq->__map, rq->__map_size);
	*rq = (struct odg_rq){ 0 };
}

int odg_rq_cancel(struct odg_rq *rq, uint32_t index, uint64_t user_data)
{
	struct odg_rq_cancel cancel = {
		.size = sizeof(cancel),
		.fd = rq->__sockfd,
		.user_data = user_data,
		.index = index,
	};

	return odgn_port_call(rq->__port, ODG_RQ_CANCEL, &cancel);
}

int odg_rq_kick(struct odg_rq *rq)
{
	struct odg_rq_kick kick = { .size = sizeof(kick), .fd = rq->__sockfd };

	return odgn_port_call(rq->__port, ODG_RQ_KICK, &kick);
}
