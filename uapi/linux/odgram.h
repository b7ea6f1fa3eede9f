/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * odgram: overlapped datagram sockets.
 *
 * A program opens /dev/odgram, creates one completion queue on that open file
 * (the two together are a "port"), posts receive buffers to ordinary UDP
 * sockets, and reads one completion per posted receive from memory it shares
 * with the kernel.  A datagram that finds a posted receive is copied into it in
 * the softirq that received it; one that finds none waits in the socket's own
 * queue and is taken by the next post.  Sends that the socket has no room for wait
 * and complete in the same way.
 *
 * The contract of a posted receive ("op")
 * ---------------------------------------
 * - An accepted op ends in exactly one completion.  An op that was not accepted
 *   never has one, and nothing was dequeued for it.
 * - Ops of one socket complete in posting order, whichever port posted them.
 * - The kernel owns the buffers of an op from the post until its completion is
 *   visible and does not touch them afterwards.  The arrays describing an op
 *   (struct odg_recv, struct odg_seg) belong to the caller again when the call
 *   returns.
 * - A cancel never swallows a datagram: either the op completed with it, or it
 *   goes to the next op.
 * - Closing the last descriptor of the socket completes its ops with
 *   -ECANCELED.  Closing the port drops the port's ops without completions, and
 *   without signalling their eventfds.
 * - ICMP errors that answer what the socket sent end one op each, or wait for the
 *   next post; of several that wait, the last is told.  Plain calls on a socket
 *   bound to odgram are not told of them, unless it has IP_RECVERR or IPV6_RECVERR
 *   set.
 *
 * The contract of a send
 * ----------------------
 * - It is tried at once, without blocking.  If the socket has no room, or an
 *   earlier send of it still waits, it pends: its bytes, name and control data are
 *   copied, so all memory belongs to the caller again when the call returns.  The
 *   copy counts against RLIMIT_MEMLOCK.
 * - Sends that pend go out in posting order, whichever port posted them, with the
 *   credentials of their posters.  A plain send(2) may overtake them.
 * - An error found while it is tried at once is the call's: that send was not
 *   started and has no completion.  One found later is the completion's status, and
 *   with ODG_SEND_REPORT that of the first try is, too, so that one bad send does not
 *   hold up a batch.
 *   What a datagram met on the network is never a send's error: an ICMP error that
 *   waits on the socket is put aside for the next receive.
 * - Completion means that the socket has taken the datagram.
 * - Cancelling, and the close of the socket or the port, are as for receives.  A
 *   send that was cancelled has not been and will not be sent.
 *
 * Calls
 * -----
 * Every argument structure begins with its own size, so it can grow: a larger
 * structure than the kernel knows is accepted while its unknown tail is zero.
 * Fields are "in" unless said otherwise.  Reserved fields must be zero.
 *
 *   ioctl             argument               returns
 *   ODG_QUERY         struct odg_query       0
 *   ODG_CQ_CREATE     struct odg_cq_create   0
 *   ODG_BIND          struct odg_bind        0
 *   ODG_UNBIND        struct odg_bind        0
 *   ODG_POST          struct odg_post        number of ops accepted, >= 1
 *   ODG_CANCEL        struct odg_cancel      number of ops cancelled, >= 1
 *   ODG_WAIT          struct odg_wait        number of unread completions
 *   ODG_PORT_STATS    struct odg_port_stats  0
 *   ODG_SOCK_STATS    struct odg_sock_stats  0
 *   ODG_REGION_ADD    struct odg_region_add  0
 *   ODG_REGION_DEL    struct odg_region_del  0
 *   ODG_RQ_CREATE     struct odg_rq_create   0
 *   ODG_RQ_KICK       struct odg_rq_kick     0
 *   ODG_NOTIFY        struct odg_notify      0
 *   ODG_SEND          struct odg_send_batch  number of sends accepted, >= 1
 *   ODG_RQ_SWITCH     struct odg_rq_switch   0
 *   ODG_RQ_CANCEL     struct odg_rq_cancel   1 if the receive was cancelled, else 0
 *   ODG_CQ_SWITCH     struct odg_cq_switch   0
 *
 * poll(2) on the port reports POLLIN while an unread completion exists.
 *
 * Errors, the same for every call
 * -------------------------------
 *   EAGAIN      the completion queue has no room left for another op; or
 *               ODG_RECV_NOWAIT and nothing is queued; or ODG_SEND_NOWAIT and
 *               the socket has no room; or ODG_RQ_SWITCH, and the program posted
 *               in the queue meanwhile; or ODG_RQ_CANCEL, and there is no room for
 *               the completion
 *   EBADF       the socket's descriptor is closed, or the socket is going away
 *   EBUSY       the socket belongs to another encapsulation (or, ODG_UNBIND,
 *               has receives or sends that wait)
 *   E2BIG       the structure is larger than known and its tail is not zero
 *   EEXIST      the port has a completion queue already; or the socket has a
 *               request queue already
 *   EFAULT      a pointer is bad, or a buffer is not writable; or it would have to be
 *               pinned, and is of a file that is written back (not so tmpfs, hugetlbfs)
 *   EINVAL      a value is wrong: unknown flag, reserved field not zero, no or
 *               too many segments or ops, lengths that overflow, socket not
 *               bound to a local port, structure smaller than the first version
 *   EINTR       a signal ended the wait before anything was there
 *   ENOENT      ODG_CANCEL: no such op outstanding; ODG_UNBIND and
 *               ODG_SOCK_STATS: the socket is not bound to odgram; ODG_RQ_KICK:
 *               it has no request queue; ODG_RQ_SWITCH and _CANCEL: none on this
 *               port, or (_SWITCH) the port has no spare one; ODG_CQ_SWITCH: likewise;
 *               ODG_REGION_DEL: no such region
 *   ENOSPC      the port has as many regions or request queues as it can
 *   ENOMEM      no memory, or pinning would exceed RLIMIT_MEMLOCK
 *   ENOTSOCK    the descriptor is not a socket
 *   ENOTTY      no such call
 *   ENXIO       the port has no completion queue yet
 *   EOPNOTSUPP  the socket is not an IPv4 or IPv6 UDP socket
 *   EPERM       a request queue for addresses is asked for, or mapped, by another
 *               process than the one whose memory the port keeps
 *   ESHUTDOWN   the socket is shut down for reading
 *   ETIME       the timeout of a wait has passed
 *
 * ODG_SEND reports what sendmsg(2) does, besides: EDESTADDRREQ, EMSGSIZE, EACCES
 * (broadcast), EAFNOSUPPORT, ENETUNREACH, EPIPE (shut down for writing), EINVAL
 * (among others: port 0), ...
 */
#ifndef _UAPI_LINUX_ODGRAM_H
#define _UAPI_LINUX_ODGRAM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define ODG_ABI_VERSION		1

#define ODG_IOC_TYPE		0xDA

#define ODG_QUERY		_IO(ODG_IOC_TYPE, 0x00)
#define ODG_CQ_CREATE		_IO(ODG_IOC_TYPE, 0x01)
#define ODG_BIND		_IO(ODG_IOC_TYPE, 0x02)
#define ODG_UNBIND		_IO(ODG_IOC_TYPE, 0x03)
#define ODG_POST		_IO(ODG_IOC_TYPE, 0x04)
#define ODG_CANCEL		_IO(ODG_IOC_TYPE, 0x05)
#define ODG_WAIT		_IO(ODG_IOC_TYPE, 0x06)
#define ODG_PORT_STATS		_IO(ODG_IOC_TYPE, 0x07)
#define ODG_SOCK_STATS		_IO(ODG_IOC_TYPE, 0x08)
#define ODG_REGION_ADD		_IO(ODG_IOC_TYPE, 0x09)
#define ODG_REGION_DEL		_IO(ODG_IOC_TYPE, 0x0A)
#define ODG_RQ_CREATE		_IO(ODG_IOC_TYPE, 0x0B)
#define ODG_RQ_KICK		_IO(ODG_IOC_TYPE, 0x0C)
#define ODG_NOTIFY		_IO(ODG_IOC_TYPE, 0x0D)
#define ODG_SEND		_IO(ODG_IOC_TYPE, 0x0E)
#define ODG_RQ_SWITCH		_IO(ODG_IOC_TYPE, 0x0F)
#define ODG_RQ_CANCEL		_IO(ODG_IOC_TYPE, 0x10)
#define ODG_CQ_SWITCH		_IO(ODG_IOC_TYPE, 0x11)

/* Limits.  ODG_QUERY reports them, too: ask rather than compile them in. */
#define ODG_MAX_SEGS		1024	/* segments of one op */
#define ODG_MAX_POSTS		1024	/* ops of one ODG_POST or ODG_SEND */
#define ODG_MAX_CONTROL		4096	/* bytes of control data of one send */
#define ODG_MAX_CQ_ENTRIES	(1U << 18)
#define ODG_MAX_RQ_ENTRIES	(1U << 17)
#define ODG_MAX_REGIONS		16384	/* of one port */
#define ODG_MAX_RQ_SEGS		16	/* segments of one receive in a ring */

/* Offsets in mmap(2) of the port: its completion queue, and the spare one. */
#define ODG_MMAP_CQ		0ULL
#define ODG_MMAP_CQ_SPARE	0x80000000ULL

/**
 * struct odg_query - what this kernel speaks
 * @size: sizeof(struct odg_query)
 * @abi_version: out: ODG_ABI_VERSION of the module
 * @features: out: bits for later additions to this version, 0 today
 * @max_segs: out: most segments of one op
 * @max_posts: out: most ops of one ODG_POST or ODG_SEND
 * @max_cq_entries: out: most entries of a completion queue
 * @cq_off_prod: out: offset of the producer index in the mapping, bytes
 * @cq_off_cons: out: offset of the consumer index in the mapping, bytes
 * @cq_off_entries: out: offset of the first entry in the mapping, bytes
 * @cq_off_loud: out: offset of the index behind the last completion that notifies
 * @cq_off_arm: out: offset of the word that arms the notification
 * @cq_off_changes: out: offset of the count of changes, see ODG_CQ_WATCH
 * @cq_off_errors: out: offset of the count of errors, see ODG_CQ_WATCH
 */
struct odg_query {
	__u32 size;
	__u32 abi_version;
	__aligned_u64 features;
	__u32 max_segs;
	__u32 max_posts;
	__u32 max_cq_entries;
	__u32 cq_off_prod;
	__u32 cq_off_cons;
	__u32 cq_off_entries;
	__u32 cq_off_loud;
	__u32 cq_off_arm;
	__u32 cq_off_changes;
	__u32 cq_off_errors;
};

/* odg_cq_create.flags */
#define ODG_CQ_WIDE		(1U << 0)	/* entries are struct odg_cqe_wide */
#define ODG_CQ_WATCH		(1U << 1)	/* count changes of memory, and errors */
#define ODG_CQ_SPARE		(1U << 2)	/* for ODG_CQ_SWITCH; no other flag with it */

/**
 * struct odg_cq_create - create the port's completion queue
 * @size: sizeof(struct odg_cq_create)
 * @flags: ODG_CQ_*; or ODG_CQ_SPARE: one to take its place, with entries of the same
 *	size.  A port that has a queue has one spare one, and gives up the one before.
 * @entries: in: least number of entries, 1 .. max_cq_entries; out: the number
 *	got, the next power of two.  It bounds the receives outstanding plus the
 *	completions unread, so the queue cannot overflow.
 * @cqe_size: out: bytes from one entry to the next
 * @mmap_size: out: bytes to map at ODG_MMAP_CQ or ODG_MMAP_CQ_SPARE; charged to
 *	RLIMIT_MEMLOCK
 */
struct odg_cq_create {
	__u32 size;
	__u32 flags;
	__u32 entries;
	__u32 cqe_size;
	__aligned_u64 mmap_size;
};

/**
 * struct odg_cq_switch - let the spare completion queue take the place of the port's
 * @size: sizeof(struct odg_cq_switch)
 * @__reserved: 0
 *
 * What is unread is unread in the new one, with the same indices, and it is armed if
 * the old one was.  No completion is lost or comes twice, whatever arrives and whoever
 * waits meanwhile; but the program neither releases, arms nor disarms, in any thread,
 * while the call runs, and looks at the new one afterwards.  In the old one nothing
 * comes any more.  mmap(2) at ODG_MMAP_CQ shows the new one, and the old one is charged
 * until it is unmapped.
 * EINVAL: what is posted by call and what is unread are more than the new one holds, and
 * nothing has changed.  A wait for more than the entries of a smaller one ends when
 * that is full.
 */
struct odg_cq_switch {
	__u32 size;
	__u32 __reserved;
};

/* odg_bind.flags */
#define ODG_BIND_DISCARD	(1U << 0)	/* measure: drop every datagram in the hook */
#define ODG_BIND_NO_UNREACH	(1U << 1)	/* no ICMP port unreachable */
#define ODG_BIND_NO_NETRESET	(1U << 2)	/* no ICMP time exceeded */
#define ODG_BIND_PARTIAL	(1U << 3)	/* long datagrams go to several receives */
#define ODG_BIND_DROP_OLDEST	(1U << 4)	/* a full queue drops its oldest datagrams */
#define ODG_BIND_NO_QUEUE	(1U << 5)	/* drop what finds no receive posted */

/**
 * struct odg_bind - attach odgram to a UDP socket, or detach it
 * @size: sizeof(struct odg_bind)
 * @fd: the socket
 * @flags: ODG_BIND_*; 0 for ODG_UNBIND
 * @max_joined: most bytes of several datagrams in one receive, 0 for one datagram
 *	each; 0 for ODG_UNBIND, and with ODG_BIND_DISCARD, _DROP_OLDEST and _NO_QUEUE
 *
 * Attaching is also done by the first post, with both 0; doing it again changes
 * these only, whatever is posted.  Detaching is refused with EBUSY while
 * receives or sends wait; datagrams in the socket's queue stay there.
 *
 * An ICMP error that a flag turns off ends no receive and is not kept for the next
 * one; one that was kept already is forgotten.  odg_sock_stats.icmp still counts
 * it, and a socket with IP_RECVERR or IPV6_RECVERR still has it in its error queue.
 *
 * A datagram that no receive takes stands in the socket's own queue, and when that is
 * full (SO_RCVBUF), it is dropped.  With ODG_BIND_DROP_OLDEST those that have waited
 * longest are dropped, as many as it takes, and may be up to a quarter of SO_RCVBUF
 * more.  With ODG_BIND_NO_QUEUE none waits; what stands in the queue already, stays.
 * odg_sock_stats.dropped counts both.
 *
 * Datagrams in pieces: with ODG_BIND_PARTIAL nothing of a datagram is lost that is
 * longer than its receive.  It fills that one, whose completion has status 0 and
 * ODG_CQE_PARTIAL, and goes on in the next, posted already or later, by whatever
 * way and port, until a completion without ODG_CQE_PARTIAL has its end.  No other
 * datagram comes in between.
 *
 * Such a datagram stands in the socket's own queue, charged to SO_RCVBUF, until its
 * last piece is delivered, and others wait behind it.  recv(2), MSG_PEEK and
 * FIONREAD know nothing of pieces: they see it whole.  One taken by recv(2) has no
 * further pieces, the next completion is that of the next datagram.  Cancelled
 * receives take no piece with them.  With ODG_UNBIND it stays in the queue, whole;
 * with the close of the socket it goes.  When the flag is taken back, the next
 * receive gets the rest, cut off if it is still too long (-EMSGSIZE).
 *
 * Joined datagrams: on a socket with UDP_GRO set the stack joins datagrams of one
 * sender and size that come close together.  They are taken apart again: each has a
 * receive of its own.  With @max_joined a receive gets as many of them as its buffers
 * and @max_joined have room for, but at least one, and odg_cqe.seg_len is their size,
 * which the last may fall short of.  Then all that comes to the socket goes through its
 * own queue, where what was joined counts as one datagram until it is used up.
 */
struct odg_bind {
	__u32 size;
	__s32 fd;
	__u32 flags;
	__u32 max_joined;
};

/**
 * struct odg_seg - one piece of a scatter list, filled in order without holes
 * @addr: user address
 * @len: bytes, 0 allowed
 * @__reserved: 0
 */
struct odg_seg {
	__aligned_u64 addr;
	__u32 len;
	__u32 __reserved;
};

/* odg_recv.flags */
#define ODG_RECV_NOWAIT		(1U << 0)	/* fail with EAGAIN rather than pend */
#define ODG_RECV_QUIET		(1U << 1)	/* do not trigger the armed notification */

/* odg_recv.state */
#define ODG_RECV_PENDING	1	/* the completion comes in the queue */
#define ODG_RECV_QUEUED		2	/* done: the completion is in the queue */
#define ODG_RECV_DONE		3	/* done: the completion is at @result */

/**
 * struct odg_recv - one receive to post
 * @user_data: returned unchanged in the completion
 * @segs: user address of struct odg_seg[@nr_segs]
 * @nr_segs: 1 .. max_segs; the lengths together at most 2^31 - 1
 * @flags: ODG_RECV_*
 * @eventfd: signalled once, after the completion is visible (with _DONE, before
 *	the call returns); -1 for none
 * @state: out: ODG_RECV_PENDING, _QUEUED or _DONE
 * @id: out: names the op in ODG_CANCEL until it has completed; 0 if _DONE
 * @result: user address of a completion (of the port's cqe_size), or 0.  If a
 *	datagram is waiting, its completion is written here and not to the queue,
 *	which then needs no room for it.
 */
struct odg_recv {
	__aligned_u64 user_data;
	__aligned_u64 segs;
	__u32 nr_segs;
	__u32 flags;
	__s32 eventfd;
	__u32 state;
	__aligned_u64 id;
	__aligned_u64 result;
};

/**
 * struct odg_post - post receives to one socket, in array order
 * @size: sizeof(struct odg_post)
 * @fd: the socket; it has to have a local port (bind(2) or a first send)
 * @recvs: user address of struct odg_recv[@count]
 * @count: 1 .. max_posts
 * @flags: 0
 *
 * Returns how many were accepted, from the front.  If the first is refused,
 * its error is returned; post the rest again to learn why a later one was.
 */
struct odg_post {
	__u32 size;
	__s32 fd;
	__aligned_u64 recvs;
	__u32 count;
	__u32 flags;
};

/* odg_send.flags */
#define ODG_SEND_NOWAIT		(1U << 0)	/* fail with EAGAIN rather than pend */
#define ODG_SEND_DONTROUTE	(1U << 1)	/* MSG_DONTROUTE */
#define ODG_SEND_QUIET		(1U << 2)	/* do not trigger the armed notification */
#define ODG_SEND_REPORT		(1U << 3)	/* what fails completes, and is accepted */

/* odg_send.state: the numbers of odg_recv.state */
#define ODG_SEND_PENDING	ODG_RECV_PENDING
#define ODG_SEND_QUEUED		ODG_RECV_QUEUED
#define ODG_SEND_DONE		ODG_RECV_DONE

/**
 * struct odg_send - one datagram to send
 * @user_data: returned unchanged in the completion
 * @segs: user address of struct odg_seg[@nr_segs], the datagram's bytes
 * @nr_segs: 1 .. max_segs; the lengths together at most 65535, 0 for an empty
 *	datagram
 * @flags: ODG_SEND_*; with ODG_SEND_REPORT only a description that is wrong in itself
 *	is refused, or a queue without room; not together with @result
 * @eventfd: signalled once, after the completion is visible (with _DONE, before
 *	the call returns); -1 for none
 * @state: out: ODG_SEND_PENDING, _QUEUED or _DONE
 * @id: out: names the op in ODG_CANCEL until it has completed; 0 if _DONE
 * @result: user address of a completion (of the port's cqe_size), or 0.  If the
 *	socket takes the datagram at once, its completion is written here and not to
 *	the queue.
 * @name: user address of the destination, as in sendto(2); 0 for the peer of a
 *	connected socket
 * @control: user address of control messages, as in sendmsg(2), or 0
 * @namelen: bytes at @name, 0 if there is none
 * @controllen: bytes at @control, at most ODG_MAX_CONTROL
 */
struct odg_send {
	__aligned_u64 user_data;
	__aligned_u64 segs;
	__u32 nr_segs;
	__u32 flags;
	__s32 eventfd;
	__u32 state;
	__aligned_u64 id;
	__aligned_u64 result;
	__aligned_u64 name;
	__aligned_u64 control;
	__u32 namelen;
	__u32 controllen;
};

/**
 * struct odg_send_batch - send datagrams from one socket, in array order
 * @size: sizeof(struct odg_send_batch)
 * @fd: the socket; one without a local port gets one
 * @sends: user address of struct odg_send[@count]
 * @count: 1 .. max_posts
 * @flags: 0
 *
 * Returns how many were accepted, from the front.  If the first is refused,
 * its error is returned; send the rest again to learn why a later one was.
 */
struct odg_send_batch {
	__u32 size;
	__s32 fd;
	__aligned_u64 sends;
	__u32 count;
	__u32 flags;
};

/* odg_cancel.mode */
#define ODG_CANCEL_ID		1	/* the op named by @id */
#define ODG_CANCEL_SOCKET	2	/* this port's ops on socket @fd, by @tid */
#define ODG_CANCEL_THREAD	3	/* this port's ops posted by thread @tid */

/**
 * struct odg_cancel - cancel outstanding receives and sends of this port
 * @size: sizeof(struct odg_cancel)
 * @mode: ODG_CANCEL_ID, _SOCKET or _THREAD
 * @fd: the socket for _SOCKET, else -1
 * @tid: for _THREAD and _SOCKET: the thread as gettid(2) of that thread returned
 *	it; 0 with _SOCKET means any; else 0
 * @id: the op for _ID, else 0
 *
 * Each op cancelled completes in the queue with -ECANCELED and no data.  The
 * answer says who won: ENOENT means that the op has completed, with whatever
 * status its completion shows.
 */
struct odg_cancel {
	__u32 size;
	__u32 mode;
	__s32 fd;
	__s32 tid;
	__aligned_u64 id;
};

#define ODG_WAIT_FOREVER	(~0ULL)
#define ODG_MAX_SPIN_US		1000000U

/**
 * struct odg_wait - wait until completions are there
 * @size: sizeof(struct odg_wait)
 * @min: return when this many are unread, 0 .. entries of the queue
 * @timeout_ns: absolute, CLOCK_MONOTONIC; 0 polls, ODG_WAIT_FOREVER waits
 * @spin_us: microseconds to spin before going to sleep, 0 .. ODG_MAX_SPIN_US
 * @__reserved: 0
 *
 * Spinning saves the wake-up, for a CPU that does nothing else.  Where datagrams come
 * by a device that can be polled (NAPI), that is done meanwhile: the one which the last
 * datagram of the socket came by that this port was last posted to (ODG_POST or
 * ODG_RQ_CREATE).  It ends early, and the wait goes on asleep, if the CPU is wanted
 * for something else.
 *
 * A signal or the timeout ends the wait with EINTR or ETIME only if nothing is
 * unread; else the number unread is returned though it is less than @min.
 */
struct odg_wait {
	__u32 size;
	__u32 min;
	__aligned_u64 timeout_ns;
	__u32 spin_us;
	__u32 __reserved;
};

/* odg_cqe.flags */
#define ODG_CQE_IPV6		(1U << 0)	/* addresses are IPv6 */
#define ODG_CQE_ADDR		(1U << 1)	/* addresses and port are valid */
#define ODG_CQE_ICMP		(1U << 2)	/* status is an ICMP error */
#define ODG_CQE_RX_STACK	(1U << 3)	/* rx_ns was taken by the stack at arrival */
#define ODG_CQE_QUIET		(1U << 4)	/* did not trigger the armed notification */
#define ODG_CQE_SEND		(1U << 5)	/* of a send: len and full_len are its bytes */
#define ODG_CQE_MORE		(1U << 6)	/* the standing receive goes on */
#define ODG_CQE_PARTIAL		(1U << 7)	/* the next receive goes on with the datagram */

/**
 * struct odg_cqe - one completion: a cache line
 * @user_data: odg_recv.user_data or odg_send.user_data
 * @rx_ns: receive time, CLOCK_REALTIME.  With ODG_CQE_RX_STACK it was taken
 *	when the driver handed the datagram over (SO_TIMESTAMPNS on the socket
 *	asks for that), else when it reached the socket.  0 without a datagram.
 * @hw_ns: receive time by the device's own clock, or 0
 * @seq: number of this completion on this port, from 0, wrapping.  0 for one
 *	that was written to odg_recv.result.
 * @drops: datagrams this socket dropped since its previous completion
 * @ifindex: interface the datagram came in by
 * @status: 0, or a negative errno:
 *	-EMSGSIZE: the datagram was longer than the buffers; the first @len
 *	bytes are there, the rest is lost.
 *	-ECANCELED: cancelled, or the socket was closed; no data.
 *	-ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH, ...: an earlier send drew
 *	that ICMP error; -ENETRESET: its time to live ran out.  No data.
 *	-ENETDOWN: the device that the socket is bound to (SO_BINDTODEVICE) went
 *	down; every receive that was posted then.  No data.
 *	-EFAULT, -EINVAL: the ring entry was wrong.  No data.
 *	-ENOMEM: the address of the ring entry could not be pinned.  No data.
 *	With ODG_CQE_SEND: why the datagram was not sent.
 * @flags: ODG_CQE_*
 * @len: bytes in the buffers
 * @full_len: bytes of the datagram, or, with ODG_BIND_PARTIAL, what was left of it:
 *	full_len - len bytes follow ODG_CQE_PARTIAL
 * @port: sender's port, network order
 * @seg_len: 0, or bytes of each of several datagrams that are in the buffers one behind
 *	the other; the last may be shorter
 * @addr: sender's address (of the ICMP error's destination with ODG_CQE_ICMP)
 * @v4.addr: the same, IPv4
 * @v4.local: the datagram's destination address, IPv4.  That of IPv6 is in
 *	struct odg_cqe_wide.
 */
struct odg_cqe {
	__aligned_u64 user_data;
	__aligned_u64 rx_ns;
	__aligned_u64 hw_ns;
	__u32 seq;
	__u32 drops;
	__u32 ifindex;
	__s16 status;
	__u16 flags;
	__u16 len;
	__u16 full_len;
	__be16 port;
	__u16 seg_len;
	union {
		__u8 addr[16];
		struct {
			__be32 addr;
			__be32 local;
			__be32 __reserved[2];
		} v4;
	};
};

/**
 * struct odg_cqe_wide - entry of a queue created with ODG_CQ_WIDE
 * @cqe: as above
 * @done_ns: when the completion was made, CLOCK_REALTIME
 * @local: the datagram's destination address; IPv4 in the first four bytes
 * @cpu: CPU that made the completion
 * @ttl: time to live or hop limit of the datagram
 * @tos: type of service or traffic class of the datagram
 * @broadcast: 1 if @local is a broadcast address, of all or of a subnet; else 0
 * @__reserved: 0
 */
struct odg_cqe_wide {
	struct odg_cqe cqe;
	__aligned_u64 done_ns;
	__u8 local[16];
	__u32 cpu;
	__u8 ttl;
	__u8 tos;
	__u8 broadcast;
	__u8 __reserved[33];
};

/*
 * The completion queue, mapped at ODG_MMAP_CQ
 * -------------------------------------------
 * Both indices run freely and wrap at 2^32; an entry stands at
 * (index & (entries - 1)) * cqe_size from cq_off_entries.
 *
 *   kernel (producer)                    program (consumer)
 *   RESERVE  at post: room is promised   PEEK     p = load_acquire(prod) (B)
 *   WRITE    fill the entry              READ     entries [cons, p)
 *   SUBMIT   store_release(prod) (A)     RELEASE  store_release(cons)    (C)
 *                                        ... kernel: load_acquire(cons)  (D)
 *
 * (A) pairs with (B): an entry is whole, and the data it speaks of is in the
 * buffers, before the index that shows it.  (C) pairs with (D): the program has
 * done with an entry before it is promised again.
 *
 * prod is written by the kernel only, cons by the program only.  The kernel
 * keeps its own copy of both and believes a cons only if it lies between the
 * last one and prod: a program that scribbles here loses its own completions
 * and nothing else (odg_port_stats.bad_cons counts).
 *
 * Arming
 * ------
 * A program that has read all there is can ask to be told once of what comes next,
 * by the eventfd it gave to the port with ODG_NOTIFY.  It costs the program no
 * system call, and the kernel no signal while the program is busy reading.
 *
 *   kernel, after SUBMIT                 program
 *                                        store(arm, 1)
 *   full memory barrier (I)              full memory barrier (J)
 *   arm ? exchange(arm, 0), signal       l = load_acquire(loud)
 *                                        p = load_acquire(prod)
 *                                        p - l < p - cons ?
 *                                           exchange(arm, 0), go on reading
 *
 * (I) pairs with (J): either the kernel sees that it is armed, or the program sees
 * the completion.  If both do, whoever exchanges the 1 has it: a program that gets
 * 0 back is signalled as well.
 *
 * loud is the index behind the last completion that notifies.  One of a receive
 * posted with ODG_RECV_QUIET, _SEND_QUIET or _RQE_QUIET does not: it moves prod alone, signals
 * nothing, and arming looks through it.  ODG_WAIT and poll(2) know no difference.
 */

/*
 * Watching the memory map
 * -----------------------
 * With ODG_CQ_WATCH, a __u64 in the mapping grows whenever memory of the process that
 * created the queue is unmapped, moved, protected, replaced, or taken away for a
 * while: before the call that changes it returns, and before another thread can
 * know.  It is 0 if there was no memory to watch.  So what a program has found out
 * about an address (that it may write there, say) is true as long as the count is
 * what it was before it asked.  The count says nothing of a change that runs at the
 * same time, and nothing to a child after fork(2).
 *
 * It grows as well when the port lets go of a page that it kept (see "Addresses"): a
 * page where a receive pended is kept as long as the count is what it was before.
 *
 * Watching for errors
 * -------------------
 * Another __u64 of that mapping grows when an ICMP error finds no receive posted and
 * waits for the next one, on any socket that was last bound (ODG_BIND) through this
 * port.  So a program may take by recv(2) what waits in such a socket, as long as the
 * count is what it was before its last receive by ODG_POST there: until then no error
 * has to be told first.  Both may be written by the program, to its own loss only.
 */

/**
 * struct odg_notify - say whom to tell when the program has armed
 * @size: sizeof(struct odg_notify)
 * @eventfd: signalled once each time the program armed and a completion that
 *	notifies was submitted; -1 for none.  It takes the place of the one before.
 */
struct odg_notify {
	__u32 size;
	__s32 eventfd;
};

/**
 * struct odg_region_add - register memory, to receive into without pinning again
 * @size: sizeof(struct odg_region_add)
 * @id: out: names the region in ring entries of this port
 * @addr: user address, any alignment
 * @len: bytes, 1 .. 2^31 - 1
 * @node: out: NUMA node of all its pages, or -1 if they are on several
 * @page_shift: out: log2 of the smallest page that backs it, 12 for 4 KiB
 *
 * The pages are pinned once and charged to RLIMIT_MEMLOCK until ODG_REGION_DEL or
 * the close of the port.  They stay what they were even if the program unmaps
 * them.
 */
struct odg_region_add {
	__u32 size;
	__u32 id;
	__aligned_u64 addr;
	__aligned_u64 len;
	__s32 node;
	__u32 page_shift;
};

/**
 * struct odg_region_del - give a region back
 * @size: sizeof(struct odg_region_del)
 * @id: from ODG_REGION_ADD
 *
 * When the call returns the kernel does not touch the memory any more.  Ring
 * entries that still name it complete with -EFAULT when their turn comes.
 */
struct odg_region_del {
	__u32 size;
	__u32 id;
};

/* odg_rq_create.flags */
#define ODG_RQ_SPARE		(1U << 0)	/* for ODG_RQ_SWITCH */
#define ODG_RQ_ADDRESSES	(1U << 1)	/* entries may name the caller's memory */

/**
 * struct odg_rq_create - create the request queue of a socket
 * @size: sizeof(struct odg_rq_create)
 * @fd: the socket; it has to have a local port.  One request queue a socket.
 * @entries: in: least number of entries, 1 .. ODG_MAX_RQ_ENTRIES; out: the
 *	number got, the next power of two
 * @flags: ODG_RQ_SPARE: no socket's yet.  A port has one spare request queue, and
 *	gives up the one before.  ODG_RQ_ADDRESSES: see "Addresses".
 * @mmap_offset: out: where to map it
 * @mmap_size: out: bytes to map; charged to RLIMIT_MEMLOCK
 * @off_prod: out: offset of the producer index in the mapping
 * @off_cons: out: offset of the consumer index in the mapping
 * @off_flags: out: offset of the flags, ODG_RQ_*, in the mapping
 * @off_entries: out: offset of the first struct odg_rqe in the mapping
 *
 * It ends with the socket or the port.
 */
struct odg_rq_create {
	__u32 size;
	__s32 fd;
	__u32 entries;
	__u32 flags;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_size;
	__u32 off_prod;
	__u32 off_cons;
	__u32 off_flags;
	__u32 off_entries;
};

/**
 * struct odg_rq_switch - give a socket the port's spare request queue
 * @size: sizeof(struct odg_rq_switch)
 * @fd: the socket; it has a request queue of this port
 *
 * What is posted in the old queue is posted in the new one, with the same indices,
 * and the old one is not looked at any more.  The program posts nothing meanwhile.
 * EINVAL: more is posted than the new one holds, or only one of them is for addresses,
 * and nothing has changed.
 */
struct odg_rq_switch {
	__u32 size;
	__s32 fd;
};

/**
 * struct odg_rq_cancel - cancel one receive of a request queue
 * @size: sizeof(struct odg_rq_cancel)
 * @fd: the socket
 * @user_data: the receive's
 * @index: of its first entry, as prod counts them
 * @__reserved: 0
 *
 * Returns 1, and its completion is in the queue, with -ECANCELED and no data; or 0,
 * and it is not posted any more, or never was.  The entry is given back when what was
 * posted before it is.
 */
struct odg_rq_cancel {
	__u32 size;
	__s32 fd;
	__aligned_u64 user_data;
	__u32 index;
	__u32 __reserved;
};

/**
 * struct odg_rq_kick - look at the socket's own queue for the request queue
 * @size: sizeof(struct odg_rq_kick)
 * @fd: the socket
 */
struct odg_rq_kick {
	__u32 size;
	__s32 fd;
};

/* odg_rqe.flags */
#define ODG_RQE_MORE		(1U << 0)	/* the next entry continues this receive */
#define ODG_RQE_QUIET		(1U << 1)	/* do not trigger the armed notification */
#define ODG_RQE_STANDING	(1U << 2)	/* takes many datagrams; see @least */
#define ODG_RQE_ADDRESS		(1U << 3)	/* @offset is an address */
#define ODG_RQE_DEAD		(1U << 4)	/* was cancelled; set by the kernel */

#define ODG_STANDING_ALIGN	64		/* where they begin, bytes */

/**
 * struct odg_rqe - one segment of a receive posted in a ring, or a standing receive
 * @user_data: returned in the completion; that of the first segment counts
 * @offset: where in the region, bytes; with ODG_RQE_ADDRESS, a user address
 * @len: bytes, 0 allowed
 * @region: id of a region of this port; with ODG_RQE_ADDRESS, 0
 * @flags: ODG_RQE_*; ODG_RQE_QUIET of the first segment counts
 * @least: with ODG_RQE_STANDING, 1 .. @len: the receive ends when less than this
 *	remains; else 0
 */
struct odg_rqe {
	__aligned_u64 user_data;
	__aligned_u64 offset;
	__u32 len;
	__u32 region;
	__u32 flags;
	__u32 least;
};

/* flags of the mapping */
#define ODG_RQ_NEED_KICK	(1U << 0)	/* datagrams or an ICMP error wait */
#define ODG_RQ_CLOSED		(1U << 1)	/* no socket's any more */

/*
 * A request queue, mapped at odg_rq_create.mmap_offset
 * ----------------------------------------------------
 * Posting a receive is a store; the softirq takes entries as datagrams come.
 *
 *   program (producer)                   kernel (consumer)
 *   WRITE    entries from prod on        PEEK   load_acquire(prod)      (F)
 *   SUBMIT   store_release(prod) (E)     TAKE   entries [cons, prod)
 *   full memory barrier (G)              store_release(cons)
 *   flags & NEED_KICK ? ODG_RQ_KICK      queue not empty: set NEED_KICK,
 *                                        full memory barrier (H), PEEK again
 *
 * (E) pairs with (F): an entry is whole before it is taken.  (G) pairs with (H):
 * either the program sees the flag or the kernel sees the entry, so no datagram is
 * left in the socket's queue while a receive is posted.
 *
 * When the socket goes, or has another request queue by ODG_RQ_SWITCH, the kernel sets
 * CLOSED, then the same barrier, then looks for the last time: what was posted before
 * is seen to, and who sees the flag has posted in vain what cons has not passed.
 *
 * prod is written by the program only, cons and flags by the kernel only, which
 * keeps its own copy of cons and copies each entry before it looks at it.  A prod
 * more than the number of entries ahead is not believed, an entry that names no
 * memory of the port completes with -EFAULT, one with an unknown flag or an
 * unfinished chain with -EINVAL.
 *
 * Receives of a ring and those of ODG_POST share the socket's order: each completes
 * before what was posted later, in either way.  A ring receive needs a free entry
 * in the completion queue only when its datagram comes; without one the datagram
 * waits in the socket's queue.  When the socket is closed, receives that find no
 * free entry end without a completion.
 *
 * The queue has one producer: threads that post in it need a lock of their own.
 * Without it they lose each other's receives, and harm nobody else.
 *
 * Standing receives
 * -----------------
 * A receive with ODG_RQE_STANDING takes one datagram after the other.  Each begins
 * at the next multiple of ODG_STANDING_ALIGN bytes from the beginning of the
 * receive's memory, and has a completion of its own, with ODG_CQE_MORE set and with
 * user_data plus the place where it begins: a program may pass the address of the
 * memory.  The receive ends when less than @least bytes remain behind a datagram:
 * that one's completion has ODG_CQE_MORE clear, the entry is given back, and what
 * was posted behind it is next.
 *
 * A datagram that is longer than what remains is truncated as always, or goes on in
 * the next receive (ODG_BIND_PARTIAL), and ends this one; with @least the size of the
 * largest datagram expected there are none.
 * What ends it without a datagram (-ECANCELED, or -EFAULT and -EINVAL if the
 * program changed the entry or gave the region back) names the place where the next
 * one would have begun.  The entry is read anew, and judged, for each datagram.
 *
 * The memory behind the last datagram is the kernel's as long as the receive
 * stands.  Datagrams before that are the program's.
 *
 * Addresses
 * ---------
 * In a request queue that was created with ODG_RQ_ADDRESSES, a segment with
 * ODG_RQE_ADDRESS names memory by its address, without a region; others of the same
 * receive may be in regions.  Such receives do not stand.  The address is one of the
 * process that created the queue, which alone can map it: its children after fork(2)
 * do not have the mapping.
 *
 * The memory is looked up when the datagram comes: what a store to that address would
 * reach then, as far as bytes go there.  If the port keeps these pages pinned, from
 * earlier receives (odg_port_stats.kept_pages), the datagram takes the straight way.
 * If not, it waits in the socket's queue, and NEED_KICK is set, until the kernel has
 * pinned them, which it does by itself, as soon as it can; and keeps them.  Memory that
 * is not writable then, or not to be had within seconds, completes the receive with
 * -EFAULT, and what RLIMIT_MEMLOCK does not allow, as it was when the queue was
 * created, with -ENOMEM.
 *
 * Protection keys (pkeys(7)) are rights of threads, and no thread stores here: what a
 * key denies is not asked for such receives.  ODG_POST and ODG_REGION_ADD ask it of the
 * calling thread where they have to pin a page, not where it is kept.
 */

/**
 * struct odg_port_stats - counters of a port since it was opened
 * @size: sizeof(struct odg_port_stats)
 * @entries: out: size of the completion queue
 * @outstanding: out: ops posted and not completed
 * @unread: out: completions the program has not released
 * @pinned_pages: out: pages of receives outstanding, one twice that two share, and
 *	of the copies of sends that pend
 * @posted: out: ops accepted
 * @completed: out: ops completed, cancelled ones included
 * @cancelled: out: ops completed by ODG_CANCEL
 * @aborted: out: ops completed because their socket was closed
 * @bad_cons: out: times an impossible consumer index was seen and ignored
 * @kept_pages: out: pages pinned, and charged once each, for posts to find them
 *	again, those of receives outstanding included as far as they are kept
 * @bad_entries: out: ring entries that were wrong, and completed with -EFAULT or
 *	-EINVAL
 */
struct odg_port_stats {
	__u32 size;
	__u32 entries;
	__u32 outstanding;
	__u32 unread;
	__aligned_u64 pinned_pages;
	__aligned_u64 posted;
	__aligned_u64 completed;
	__aligned_u64 cancelled;
	__aligned_u64 aborted;
	__aligned_u64 bad_cons;
	__aligned_u64 kept_pages;
	__aligned_u64 bad_entries;
};

/**
 * struct odg_sock_stats - counters of a socket since it was bound to odgram
 * @size: sizeof(struct odg_sock_stats)
 * @fd: in: the socket
 * @depth: out: receives posted now, by all ports
 * @queued: out: datagrams in the socket's own queue now
 * @arrived: out: datagrams that reached the socket, those it held when it was
 *	bound included; = direct + from_queue + filtered + discarded + dropped
 *	+ queued + native
 * @direct: out: put into a posted buffer in the softirq
 * @from_queue: out: taken from the socket's queue by a post or a drain; one in
 *	pieces counts with the last
 * @filtered: out: refused by the socket's filter, cgroup or LSM in our hook
 * @discarded: out: dropped by ODG_BIND_DISCARD
 * @dropped: out: dropped by the stack: SO_RCVBUF full, bad checksum, or filter on
 *	the way to the socket's queue
 * @native: out: taken from the queue by recv(2) and its relatives
 * @truncated: out: of those delivered, longer than their buffers, the rest is lost
 * @icmp: out: ICMP errors that named this socket
 * @bytes: out: payload bytes delivered
 * @send_depth: out: sends pending now, of all ports
 * @pieces: out: receives that ended with ODG_CQE_PARTIAL, or with some of what the
 *	stack had joined, but for the last
 * @sent: out: datagrams sent
 * @sent_bytes: out: their payload
 * @send_failed: out: sends accepted that ended without sending: an error, cancelled,
 *	or the socket or port was closed
 * @send_pended: out: sends accepted that had to wait for room
 * @queued_bytes: out: payload of what is in the socket's own queue now
 *
 * delivered = direct + from_queue.  Sends accepted = sent + send_failed +
 * send_depth.  The sums are exact when nothing is in flight.
 */
struct odg_sock_stats {
	__u32 size;
	__s32 fd;
	__u32 depth;
	__u32 queued;
	__aligned_u64 arrived;
	__aligned_u64 direct;
	__aligned_u64 from_queue;
	__aligned_u64 filtered;
	__aligned_u64 discarded;
	__aligned_u64 dropped;
	__aligned_u64 native;
	__aligned_u64 truncated;
	__aligned_u64 icmp;
	__aligned_u64 bytes;
	__aligned_u64 send_depth;
	__aligned_u64 pieces;
	__aligned_u64 sent;
	__aligned_u64 sent_bytes;
	__aligned_u64 send_failed;
	__aligned_u64 send_pended;
	__aligned_u64 queued_bytes;
};

#endif /* _UAPI_LINUX_ODGRAM_H */
