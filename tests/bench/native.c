// SPDX-License-Identifier: MIT
/* The kernel's own ways of receiving, each used as its manual recommends. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

static struct sockaddr_in from[BURST];
static struct iovec iov[BURST];
static struct mmsghdr msgs[BURST];
static int epfd;

static void nothing(int fd)
{
	(void)fd;
}

/* A socket filter that refuses all: a floor that needs no module. */
static void filter_open(int fd)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &refuse };

	MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static uint64_t filter_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len));
	return info[SK_MEMINFO_DROPS];
}

static void take_one(int fd, int i)
{
	socklen_t len = sizeof(from[i]);

	got[i].len = MUST(recvfrom(fd, rx_buf[i], MAX_PAYLOAD, MSG_DONTWAIT,
				   (struct sockaddr *)&from[i], &len));
	got[i].port = from[i].sin_port;
	got[i].addr = from[i].sin_addr.s_addr;
}

static void recvfrom_drain(int fd)
{
	for (int i = 0; i < BURST; i++)
		take_one(fd, i);
}

static void epoll_open(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev));
}

static void epoll_drain(int fd)
{
	struct epoll_event ev;

	for (int i = 0; i < BURST; i++) {
		if (MUST(epoll_wait(epfd, &ev, 1, -1)) != 1)
			die("epoll: woke for nothing");
		take_one(fd, i);
	}
}

static void epoll_close(void)
{
	close(epfd);
}

static void recvmmsg_open(int fd)
{
	(void)fd;
	for (int i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){ rx_buf[i], MAX_PAYLOAD };
		msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i],
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
		};
	}
}

static void recvmmsg_drain(int fd)
{
	/* The kernel overwrites the lengths, so a program sets them each time. */
	for (int i = 0; i < BURST; i++)
		msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
	if (MUST(recvmmsg(fd, msgs, BURST, MSG_DONTWAIT, NULL)) != BURST)
		die("recvmmsg: not the whole burst");
	for (int i = 0; i < BURST; i++) {
		got[i].len = msgs[i].msg_len;
		got[i].port = from[i].sin_port;
		got[i].addr = from[i].sin_addr.s_addr;
	}
}

const struct receiver native_receivers[] = {
	{
		.name = "filter",
		.label = "socket filter, drop",
		.open = filter_open,
		.dropped = filter_dropped,
	},
	{
		.name = "recvmmsg64",
		.label = "recvmmsg, 64 a call",
		.open = recvmmsg_open,
		.drain = recvmmsg_drain,
	},
	{
		.name = "recvfrom",
		.label = "recvfrom",
		.open = nothing,
		.drain = recvfrom_drain,
	},
	{
		.name = "epoll",
		.label = "epoll_wait + recvfrom",
		.open = epoll_open,
		.drain = epoll_drain,
		.close = epoll_close,
	},
	{ 0 }
};
