// SPDX-License-Identifier: MIT
/*
 * The native face: a port and the calls on it.
 *
 * No locks: a port is constant between open and close but for its queue, which belongs
 * to the consumer, and the kernel orders the calls.  System calls leave their errors in
 * errno; every function here puts the caller's errno back and returns the error instead.
 * None is a cancellation point: open(2) and close(2) are made by syscall(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "odgram.h"
#include "port.h"

struct odg_port {
	int fd;
	void *map;
	size_t map_size;
	struct odg_cq cq;
	struct odg_query limits;
};

/* call - ioctl(2) that returns -errno and leaves errno alone */
static int call(int fd, unsigned long request, void *arg)
{
	int saved = errno;
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		ret = -errno;
	errno = saved;
	return ret;
}

/* query - learn limits and offsets, refuse a module of another version */
static int query(int fd, struct odg_query *q)
{
	int ret;

	*q = (struct odg_query){ .size = sizeof(*q) };
	ret = call(fd, ODG_QUERY, q);
	if (ret == -ENOTTY)
		return -EPROTONOSUPPORT;
	if (ret)
		return ret;
	return q->abi_version == ODG_ABI_VERSION ? 0 : -EPROTONOSUPPORT;
}

/* create_queue - make the queue of @port->fd, or a spare one, and map it */
static int create_queue(struct odg_port *port, uint32_t entries, uint32_t flags)
{
	struct odg_cq_create cc = {
		.size = sizeof(cc),
		.flags = flags,
		.entries = entries,
	};
	uint8_t *map;
	int ret;

	ret = call(port->fd, ODG_CQ_CREATE, &cc);
	if (ret)
		return ret;
	map = mmap(NULL, cc.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   port->fd,
		   flags & ODG_CQ_SPARE ? ODG_MMAP_CQ_SPARE : ODG_MMAP_CQ);
	if (map == MAP_FAILED)
		return -errno;

	port->map = map;
	port->map_size = cc.mmap_size;
	port->cq.__prod = (uint32_t *)(void *)(map + port->limits.cq_off_prod);
	port->cq.__cons = (uint32_t *)(void *)(map + port->limits.cq_off_cons);
	port->cq.__loud = (uint32_t *)(void *)(map + port->limits.cq_off_loud);
	port->cq.__arm = (uint32_t *)(void *)(map + port->limits.cq_off_arm);
	port->cq.__entries = map + port->limits.cq_off_entries;
	port->cq.__mask = cc.entries - 1;
	port->cq.__stride = cc.cqe_size;
	return 0;
}

int odg_port_open(struct odg_port **out, uint32_t entries, uint32_t flags)
{
	int saved = errno;
	struct odg_port *port;
	int ret;

	port = calloc(1, sizeof(*port));
	if (!port) {
		ret = -ENOMEM;
		goto restore_errno;
	}
	port->fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/odgram",
				O_RDWR | O_CLOEXEC);
	if (port->fd < 0) {
		ret = -errno;
		goto free_port;
	}
	ret = query(port->fd, &port->limits);
	if (ret)
		goto close_fd;
	ret = create_queue(port, entries, flags);
	if (ret)
		goto close_fd;
	*out = port;
	goto restore_errno;

close_fd:
	syscall(SYS_close, port->fd);
free_port:
	free(port);
restore_errno:
	errno = saved;
	return ret;
}

void odg_port_close(struct odg_port *port)
{
	int saved = errno;

	if (!port)
		return;
	munmap(port->map, port->map_size);
	syscall(SYS_close, port->fd);
	free(port);
	errno = saved;
}

int odg_port_fd(const struct odg_port *port)
{
	return port->fd;
}

const struct odg_query *odg_port_limits(const struct odg_port *port)
{
	return &port->limits;
}

struct odg_cq *odg_port_cq(struct odg_port *port)
{
	return &port->cq;
}

int odg_cq_resize(struct odg_port *port, uint32_t entries)
{
	struct odg_cq_switch change = { .size = sizeof(change) };
	struct odg_port other = *port;
	int saved = errno;
	int ret;

	ret = create_queue(&other, entries, ODG_CQ_SPARE);
	errno = saved;
	if (ret)
		return ret;
	ret = call(port->fd, ODG_CQ_SWITCH, &change);
	if (ret) {
		munmap(other.map, other.map_size);
		return ret;
	}
	munmap(port->map, port->map_size);
	port->map = other.map;
	port->map_size = other.map_size;
	port->cq = other.cq;
	return 0;
}

static const uint64_t *count_at(const struct odg_port *port, uint32_t offset)
{
	return (const uint64_t *)(const void *)
		((const uint8_t *)port->map + offset);
}

const uint64_t *odgn_port_changes(const struct odg_port *port)
{
	return count_at(port, port->limits.cq_off_changes);
}

const uint64_t *odgn_port_errors(const struct odg_port *port)
{
	return count_at(port, port->limits.cq_off_errors);
}

int odgn_port_call(struct odg_port *port, unsigned long request, void *arg)
{
	return call(port->fd, request, arg);
}

int odg_bind(struct odg_port *port, int sockfd, uint32_t flags)
{
	return odg_bind_joined(port, sockfd, flags, 0);
}

int odg_bind_joined(struct odg_port *port, int sockfd, uint32_t flags, uint32_t max)
{
	struct odg_bind arg = {
		.size = sizeof(arg),
		.fd = sockfd,
		.flags = flags,
		.max_joined = max,
	};

	return odgn_port_call(port, ODG_BIND, &arg);
}

int odg_unbind(struct odg_port *port, int sockfd)
{
	struct odg_bind arg = {
		.size = sizeof(arg),
		.fd = sockfd,
	};

	return odgn_port_call(port, ODG_UNBIND, &arg);
}

int odg_post(struct odg_port *port, int sockfd, struct odg_recv *recvs,
	     uint32_t count)
{
	struct odg_post arg = {
		.size = sizeof(arg),
		.fd = sockfd,
		.recvs = (uintptr_t)recvs,
		.count = count,
	};

	return odgn_port_call(port, ODG_POST, &arg);
}

int odg_post_buf(struct odg_port *port, int sockfd, void *buf, uint32_t len,
		 uint64_t user_data)
{
	struct odg_seg seg = {
		.addr = (uintptr_t)buf,
		.len = len,
	};
	struct odg_recv recv = {
		.user_data = user_data,
		.segs = (uintptr_t)&seg,
		.nr_segs = 1,
		.eventfd = -1,
	};
	int ret = odg_post(port, sockfd, &recv, 1);

	return ret < 0 ? ret : 0;
}

int odg_send(struct odg_port *port, int sockfd, struct odg_send *sends,
	     uint32_t count)
{
	struct odg_send_batch arg = {
		.size = sizeof(arg),
		.fd = sockfd,
		.sends = (uintptr_t)sends,
		.count = count,
	};

	return odgn_port_call(port, ODG_SEND, &arg);
}

static int cancel(struct odg_port *port, uint32_t mode, int fd, int tid,
		  uint64_t id)
{
	struct odg_cancel arg = {
		.size = sizeof(arg),
		.mode = mode,
		.fd = fd,
		.tid = tid,
		.id = id,
	};

	return odgn_port_call(port, ODG_CANCEL, &arg);
}

int odg_cancel_id(struct odg_port *port, uint64_t id)
{
	return cancel(port, ODG_CANCEL_ID, -1, 0, id);
}

int odg_cancel_socket(struct odg_port *port, int sockfd)
{
	return cancel(port, ODG_CANCEL_SOCKET, sockfd, 0, 0);
}

int odg_cancel_thread(struct odg_port *port, int tid)
{
	return cancel(port, ODG_CANCEL_THREAD, -1, tid, 0);
}

/* a thread that is none has posted nothing: not the kernel's "any" */
int odg_cancel_socket_thread(struct odg_port *port, int sockfd, int tid)
{
	return tid ? cancel(port, ODG_CANCEL_SOCKET, sockfd, tid, 0) : -EINVAL;
}

int odg_wait_spin(struct odg_port *port, uint32_t min, uint64_t timeout_ns,
		  uint32_t spin_us)
{
	struct odg_wait arg = {
		.size = sizeof(arg),
		.min = min,
		.timeout_ns = timeout_ns,
		.spin_us = spin_us,
	};

	return odgn_port_call(port, ODG_WAIT, &arg);
}

int odg_wait(struct odg_port *port, uint32_t min, uint64_t timeout_ns)
{
	return odg_wait_spin(port, min, timeout_ns, 0);
}

int odg_port_notify(struct odg_port *port, int eventfd)
{
	struct odg_notify arg = {
		.size = sizeof(arg),
		.eventfd = eventfd,
	};

	return odgn_port_call(port, ODG_NOTIFY, &arg);
}

int odg_port_read_stats(struct odg_port *port, struct odg_port_stats *stats)
{
	stats->size = sizeof(*stats);
	return odgn_port_call(port, ODG_PORT_STATS, stats);
}

int odg_sock_read_stats(struct odg_port *port, int sockfd,
			struct odg_sock_stats *stats)
{
	stats->size = sizeof(*stats);
	stats->fd = sockfd;
	return odgn_port_call(port, ODG_SOCK_STATS, stats);
}
