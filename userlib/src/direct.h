/* SPDX-License-Identifier: MIT */
/*
 * Nonoverlapped receives of what waits already, by the kernel's own recvfrom(2) or
 * recvmsg(2): the datagram goes from the socket's queue to the program's buffers, and
 * odgram's part in it is to know that nothing has to be told first.
 *
 * That is so for a socket of ours (ODGW_DIRECT)
 *
 *   to which no overlapped receive was ever posted, by no call and no ring, so that
 *	none can be overtaken; calls that block meanwhile take their chance
 *   whose datagrams each go to one receive: no ODG_KEEP_REST, and none joined
 *   that has no other descriptor of ours, here or in another process
 *   for which no ICMP error waits: the kernel counts those that do (watch.c), and as
 *	long as the count is what it was before the last receive that looked, none has
 *	come since
 *
 * The kernel takes the datagram before it finds a buffer bad, so the buffers are known
 * to be good before.  Nor would it tell how long the datagram was, but for MSG_TRUNC.
 */
#ifndef ODGRAM_DIRECT_H
#define ODGRAM_DIRECT_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "receive.h"

#define ODGW_DIRECT_FLAGS (MSG_DONTWAIT | MSG_TRUNC)

/* Instead of an error: nothing was done, nothing waited; or it is not for us to say. */
enum { ODGW_EMPTY = -1, ODGW_NOT_DIRECT = -2 };

/* Where a receive's results go, and the one buffer of most. */
struct odgw_place {
	void *buf;
	size_t len;
	DWORD *bytes;
	DWORD *flags;
	struct sockaddr *from;
	int *fromlen;
};

/* odgw_recvfrom - recvfrom(2) that is no cancellation point and returns -errno */
static inline long odgw_recvfrom(int fd, const struct odgw_place *to)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	register long flags __asm__("r10") = ODGW_DIRECT_FLAGS;
	register struct sockaddr *from __asm__("r8") = to->from;
	register int *fromlen __asm__("r9") = to->fromlen;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)SYS_recvfrom), "D"((long)fd), "S"(to->buf),
			   "d"(to->len), "r"(flags), "r"(from), "r"(fromlen)
			 : "rcx", "r11", "memory");
	return ret;
#else
	long ret = syscall(SYS_recvfrom, fd, to->buf, to->len,
			   ODGW_DIRECT_FLAGS, to->from, to->fromlen);

	return ret < 0 ? -errno : ret;
#endif
}

/* Whether no error waits for its next receive. */
static inline bool odgw_direct_is_due(const struct odgw_entry *entry)
{
	return odgw_count_at(&odgw_errors_at) ==
	       atomic_load_explicit(&entry->errors, memory_order_relaxed);
}

int odgw_direct_failed(int err);

/* odgw_direct_done - @ret: what the system call returned */
static inline int odgw_direct_done(int fd, long ret, const struct odgw_place *to)
{
	bool cut;

	if (ret < 0)
		return odgw_direct_failed((int)-ret);
	cut = (size_t)ret > to->len;
	*to->bytes = (DWORD)(cut ? to->len : (size_t)ret);
	*to->flags = 0;
	odgw_netevents_received(fd);
	return cut ? WSAEMSGSIZE : 0;
}

/* In whatever buffers.  @r: not overlapped, all of it checked but the buffers. */
int odgw_direct(const struct odgw_receive *r, struct odgw_probe *probe);

#endif /* ODGRAM_DIRECT_H */
