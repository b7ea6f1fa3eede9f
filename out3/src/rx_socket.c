// SPDX-License-Identifier: MIT
/* The kernel's own receive calls, each used as its manual recommends. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "info.h"

static struct sockaddr_in from[BURST];
static struct iovec iov[BURST];
static struct mmsghdr msgs[BURST];
static unsigned char control[BURST][INFO_ROOM]
	__attribute__((aligned(sizeof(long))));
static int epfd;

static void nothing(int fd)
{
	(void)fd;
}

static void take(int i, uint32_t len)
{
	got[i] = (struct got){
		.data = rx_buf[i],
		.len = len,
		.addr = from[i].sin_addr.s_addr,
		.port = from[i].sin_port,
	};
}

static void recvfrom_one(int fd, int i)
{
	socklen_t len = sizeof(from[i]);

	take(i, MUST(recvfrom(fd, rx_buf[i], MAX_PAYLOAD, MSG_DONTWAIT,
			      (struct sockaddr *)&from[i], &len)));
}

static void recvfrom_drain(int fd)
{
	for (int i = 0; i < BURST; i++)
		recvfrom_one(fd, i);
}

static void msgs_open(int fd)
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

static void msgs_info_open(int fd)
{
	msgs_open(fd);
	info_ask(fd);
	for (int i = 0; i < BURST; i++)
		msgs[i].msg_hdr.msg_control = control[i];
}

static void take_info(int i)
{
	struct msghdr *msg = &msgs[i].msg_hdr;
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg))
		info_take(cmsg, &got[i]);
}

/* The kernel overwrites the lengths, so a program sets them each time. */
static void prepare(int i)
{
	msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
	if (msgs[i].msg_hdr.msg_control)
		msgs[i].msg_hdr.msg_controllen = INFO_ROOM;
}

static void recvmmsg_drain(int fd, int at_once)
{
	for (int i = 0; i < BURST; i += at_once) {
		for (int k = 0; k < at_once; k++)
			prepare(i + k);
		if (MUST(recvmmsg(fd, msgs + i, at_once, MSG_DONTWAIT, NULL)) !=
		    at_once)
			die("recvmmsg: fewer than asked for");
		for (int k = i; k < i + at_once; k++) {
			take(k, msgs[k].msg_len);
			if (msgs[k].msg_hdr.msg_control)
				take_info(k);
		}
	}
}

static void recvmmsg64_drain(int fd)
{
	recvmmsg_drain(fd, 64);
}

static void recvmmsg8_drain(int fd)
{
	recvmmsg_drain(fd, 8);
}

static void recvmmsg1_drain(int fd)
{
	recvmmsg_drain(fd, 1);
}

static void recvmsg_info_drain(int fd)
{
	for (int i = 0; i < BURST; i++) {
		prepare(i);
		take(i, MUST(recvmsg(fd, &msgs[i].msg_hdr, MSG_DONTWAIT)));
		take_info(i);
	}
}

static void watch(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev));
}

static void epoll_mmsg_open(int fd)
{
	msgs_open(fd);
	watch(fd);
}

static void epoll_mmsg_info_open(int fd)
{
	msgs_info_open(fd);
	watch(fd);
}

static void wait_readable(void)
{
	struct epoll_event ev;

	if (MUST(epoll_wait(epfd, &ev, 1, -1)) != 1)
		die("epoll: woke for nothing");
}

static void epoll_drain(int fd)
{
	for (int i = 0; i < BURST; i++) {
		wait_readable();
		recvfrom_one(fd, i);
	}
}

static void epoll_mmsg_drain(int fd)
{
	wait_readable();
	recvmmsg_drain(fd, BURST);
}

static void epoll_close(void)
{
	close(epfd);
}

const struct receiver socket_receivers[] = {
	{
		.name = "recvfrom",
		.label = "recvfrom",
		.open = nothing,
		.drain = recvfrom_drain,
	},
	{
		.name = "recvmmsg1",
		.label = "recvmmsg, 1 a call",
		.open = msgs_open,
		.drain = recvmmsg1_drain,
	},
	{
		.name = "recvmmsg8",
		.label = "recvmmsg, 8 a call",
		.open = msgs_open,
		.drain = recvmmsg8_drain,
	},
	{
		.name = "recvmmsg64",
		.label = "recvmmsg, 64 a call",
		.open = msgs_open,
		.drain = recvmmsg64_drain,
	},
	{
		.name = "epoll",
		.label = "epoll_wait + recvfrom",
		.open = watch,
		.drain = epoll_drain,
		.close = epoll_close,
	},
	{
		.name = "epoll-recvmmsg64",
		.label = "epoll_wait + recvmmsg, 64",
		.open = epoll_mmsg_open,
		.drain = epoll_mmsg_drain,
		.close = epoll_close,
	},
	{
		.name = "recvmsg-info",
		.label = "recvmsg",
		.flags = TELLS_MORE,
		.open = msgs_info_open,
		.drain = recvmsg_info_drain,
	},
	{
		.name = "recvmmsg64-info",
		.label = "recvmmsg, 64 a call",
		.flags = TELLS_MORE,
		.open = msgs_info_open,
		.drain = recvmmsg64_drain,
	},
	{
		.name = "epoll-recvmmsg64-info",
		.label = "epoll_wait + recvmmsg, 64",
		.flags = TELLS_MORE,
		.open = epoll_mmsg_info_open,
		.drain = epoll_mmsg_drain,
		.close = epoll_close,
	},
	{ 0 }
};
