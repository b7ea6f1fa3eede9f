/* SPDX-License-Identifier: MIT */
/* A receive, in whatever way: receive.c does it, recv.c and recvmsg.c ask for it. */
#ifndef ODGRAM_RECEIVE_H
#define ODGRAM_RECEIVE_H

#include "queue.h"

/* More are not on the stack. */
#define ODGW_FEW_SEGS	8

/* One call: its arguments once they are found good. */
struct odgw_receive {
	struct odgw_socket sock;
	const WSABUF *buffers;
	DWORD nr_buffers;
	DWORD *bytes;
	DWORD *flags;			/* NULL: op.store writes them */
	LPWSAOVERLAPPED ov;
	bool overlapped;
	bool peek;
	bool empty;			/* nothing waited a moment ago */
	struct odgw_op op;		/* store, family and where to store */

	struct odg_seg *segs;
};

/* 0, WSA_IO_PENDING or an error. */
int odgw_receive(struct odgw_receive *r,
		 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

/* recvmsg.c */
INT odgw_recv_msg(SOCKET s, LPWSAMSG msg, LPDWORD bytes, LPWSAOVERLAPPED ov,
		  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

/* peek.c: the oldest datagram queued, as if it had completed; or an error */
int odgw_peek(const struct odgw_receive *r, struct odg_cqe_wide *cqe);

/* call.c: a call that blocks */

/*
 * Start what @start starts, in the thread's own queue, and wait for it alertably,
 * as long as the socket's @option, SO_RCVTIMEO or SO_SNDTIMEO, allows.  0: *cqe is
 * its completion.  Or an error; WSAETIMEDOUT.
 */
int odgw_call(int fd, int option, odgw_start start, void *arg,
	      struct odg_cqe_wide *cqe);
uint64_t odgw_call_deadline(int fd, int option);

/* ready.c: a call that tries again whenever its socket is ready */

/* Without waiting: WSAEWOULDBLOCK, or the call's end.  A lock is held. */
typedef int (*odgw_attempt)(int fd, void *arg);

/*
 * Try, and sleep alertably for @events (epoll(7)) as long as there is nothing to be
 * done and the socket's @option allows.  WSAETIMEDOUT; WSAEINTR: it was closed.
 */
int odgw_call_ready(int fd, int option, uint32_t events, odgw_attempt attempt,
		    void *arg);

#endif /* ODGRAM_RECEIVE_H */
