/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * odgram's state by generic netlink: family "odgram".
 *
 * Requests
 * --------
 *   ODG_CMD_PORT_GET    dump: one message for each port (open /dev/odgram)
 *   ODG_CMD_SOCK_GET    dump: one message for each socket bound to odgram
 *   ODG_CMD_TOTALS_GET  one message: sums over all sockets, gone ones included
 *   ODG_CMD_HIST_SET    ODG_A_ID, ODG_A_HIST_ON: a socket's latency histogram on
 *                       (1) or off (0); on again begins anew
 *   ODG_CMD_HIST_GET    ODG_A_ID: one message with the histogram
 *
 * Whoever asks sees the network namespace of its netlink socket: sockets of that
 * namespace, and ports opened in it.  Of these, its own (the user the netlink
 * socket was made by is the one the socket or port was made by), and with
 * CAP_NET_ADMIN in the namespace all.  What one may not see does not exist: it
 * stands in no dump, and its number is ENOENT.  ODG_CMD_TOTALS_GET sums over the
 * namespace for everybody, as /proc/net/snmp does.
 *
 * A number (ODG_A_ID) stays with its port or socket for life and is not used again
 * soon.  Dumps go by number, so one of any length shows each object that is there
 * all the time exactly once, and none twice; NLM_F_DUMP_INTR tells that some came or
 * went meanwhile.
 *
 * Each message holds the attributes listed for it below.  Skip those not known;
 * there will be more.  Numbers of bytes, datagrams and receives are u64 and count
 * from the moment the socket was bound to odgram or the port was opened.
 *
 *   ODG_CMD_PORT_GET    ID, PID, UID, ENTRIES, OUTSTANDING, UNREAD, PINNED, KEPT,
 *                       REGISTERED, POSTED, COMPLETED, CANCELLED, ABORTED, BAD_CONS
 *   ODG_CMD_SOCK_GET    ID, UID, INODE, FAMILY, LOCAL_ADDR, LOCAL_PORT,
 *                       PEER_ADDR and PEER_PORT if it is connected, IFINDEX if it
 *                       is bound to a device, GROUP (once for each), DEPTH,
 *                       RING_ENTRIES and RING_DEPTH if it has a request queue, SLOW,
 *                       HIST_ON, LAST_NS, POSTED, COMPLETED, ABORTED and the
 *                       counters of datagrams and of sends
 *   ODG_CMD_TOTALS_GET  PORTS, SOCKS, POSTED, COMPLETED, ABORTED and the counters
 *                       of datagrams and of sends
 *   ODG_CMD_HIST_GET    ID, HIST_COUNT, HIST_SUM, HIST_MAX, HIST
 *
 * Counters of datagrams: ARRIVED = DIRECT + FROM_QUEUE + FILTERED + DISCARDED +
 * DROPPED + QUEUED + NATIVE, and TRUNCATED, PIECES, ICMP, BYTES, as struct
 * odg_sock_stats explains them.  Exact when nothing is in flight.  In the totals, QUEUED includes
 * what stood in the queue of a socket when it was closed or unbound.
 *
 * Receives of a socket: POSTED = COMPLETED + DEPTH, COMPLETED = DIRECT + FROM_QUEUE +
 * PIECES + ABORTED.  Those of a ring count when they are taken.
 *
 * Counters of sends: SEND_POSTED = SENT + SEND_FAILED + SEND_DEPTH, SEND_PENDED and
 * SENT_BYTES.  In the totals, SEND_DEPTH is of sockets bound now.
 *
 * Events
 * ------
 * Multicast group "events", for who has CAP_NET_ADMIN in the namespace.  Messages
 * ODG_CMD_EVENT: EVENT, and
 *
 *   ODG_EVENT_STARVED    ID, FAMILY, LOCAL_ADDR, LOCAL_PORT, UID, SLOW: a datagram
 *                        came for a socket that receives through odgram, and
 *                        nothing was posted, or its completion queue was full
 *   ODG_EVENT_DROP       the same and DROPPED: the socket dropped a datagram.  Noted
 *                        when the next one comes.
 *   ODG_EVENT_PORT_DIED  ID, PID, UID, OUTSTANDING: a port was closed with receives
 *                        outstanding
 *
 * Each kind at most once a second for each socket; PORT_DIED at most 50 times in
 * five seconds.  They are notices, not an account: who wants that reads counters.
 *
 * Errors
 * ------
 *   EINVAL  an attribute is missing, malformed or not for this request
 *   ENOENT  no such socket, or not one to be seen; ODG_CMD_HIST_GET: its histogram
 *           is off
 *   ENOMEM  no memory
 *   EOPNOTSUPP  no such request, or a dump not asked for as one
 *   EPERM   group "events" without CAP_NET_ADMIN
 *   ERANGE  the value of an attribute is out of range
 */
#ifndef _UAPI_LINUX_ODGRAM_NETLINK_H
#define _UAPI_LINUX_ODGRAM_NETLINK_H

#include <linux/types.h>

#define ODG_GENL_NAME		"odgram"
#define ODG_GENL_VERSION	1
#define ODG_GENL_EVENTS		"events"

enum odg_genl_cmd {
	ODG_CMD_UNSPEC,
	ODG_CMD_PORT_GET,
	ODG_CMD_SOCK_GET,
	ODG_CMD_TOTALS_GET,
	ODG_CMD_HIST_SET,
	ODG_CMD_HIST_GET,
	ODG_CMD_EVENT,
};

/**
 * enum odg_genl_attr - attributes of all messages
 * @ODG_A_UNSPEC: none
 * @ODG_A_PAD: aligns u64
 * @ODG_A_ID: u32, number of the port or socket, from 1
 * @ODG_A_PID: u32, process that opened the port, as the asker sees it, 0 if it does
 *	not; in an event, as that process sees itself
 * @ODG_A_UID: u32, user that opened the port or made the socket
 * @ODG_A_ENTRIES: u32, size of the completion queue; 0 if there is none yet
 * @ODG_A_OUTSTANDING: u32, receives posted and not completed
 * @ODG_A_UNREAD: u32, completions not released
 * @ODG_A_PINNED: u64, bytes of pages of posted buffers pinned now, those twice that
 *	two receives share
 * @ODG_A_POSTED: u64, receives accepted
 * @ODG_A_COMPLETED: u64, receives completed
 * @ODG_A_CANCELLED: u64, of these, by ODG_CANCEL
 * @ODG_A_ABORTED: u64, of a port: of these, because their socket was closed; of a
 *	socket: of these, all without a datagram (error, cancel, close)
 * @ODG_A_BAD_CONS: u64, impossible consumer indices seen
 * @ODG_A_INODE: u64, inode of the socket, as ss -e and /proc/PID/fd show it
 * @ODG_A_FAMILY: u32, AF_INET or AF_INET6
 * @ODG_A_LOCAL_ADDR: 4 or 16 bytes
 * @ODG_A_LOCAL_PORT: be16
 * @ODG_A_PEER_ADDR: 4 or 16 bytes
 * @ODG_A_PEER_PORT: be16
 * @ODG_A_IFINDEX: u32, device it is bound to
 * @ODG_A_GROUP: struct odg_genl_group, a multicast group it has joined; the first
 *	ODG_GENL_MAX_GROUPS are shown
 * @ODG_A_DEPTH: u32, receives that stand in the FIFO
 * @ODG_A_RING_ENTRIES: u32, size of its request queue
 * @ODG_A_RING_DEPTH: u32, entries posted there
 * @ODG_A_SLOW: u32, enum odg_slow: why the last datagram that did not take the fast
 *	path did not
 * @ODG_A_LAST_NS: u64, arrival of the last datagram delivered, CLOCK_REALTIME; 0 if
 *	there was none
 * @ODG_A_ARRIVED: u64
 * @ODG_A_DIRECT: u64
 * @ODG_A_FROM_QUEUE: u64
 * @ODG_A_FILTERED: u64
 * @ODG_A_DISCARDED: u64
 * @ODG_A_DROPPED: u64
 * @ODG_A_QUEUED: u64
 * @ODG_A_NATIVE: u64
 * @ODG_A_TRUNCATED: u64
 * @ODG_A_ICMP: u64
 * @ODG_A_BYTES: u64
 * @ODG_A_PORTS: u32, ports open now
 * @ODG_A_SOCKS: u32, sockets bound to odgram now
 * @ODG_A_HIST_ON: u8, 0 or 1
 * @ODG_A_HIST_COUNT: u64, datagrams in the histogram
 * @ODG_A_HIST_SUM: u64, their latencies together, ns
 * @ODG_A_HIST_MAX: u64, the largest, ns
 * @ODG_A_HIST: u64[ODG_HIST_BUCKETS]
 * @ODG_A_EVENT: u32, enum odg_genl_event
 * @ODG_A_PIECES: u64
 * @ODG_A_KEPT: u64, bytes of pages pinned for posts to find them again, those of
 *	@ODG_A_PINNED included as far as they are kept
 * @ODG_A_REGISTERED: u64, bytes of pages of registered memory
 * @ODG_A_SEND_POSTED: u64, sends accepted
 * @ODG_A_SENT: u64, of these, sent
 * @ODG_A_SENT_BYTES: u64, their payload
 * @ODG_A_SEND_FAILED: u64, of these, ended without sending (error, cancel, close)
 * @ODG_A_SEND_PENDED: u64, of these, had to wait for room
 * @ODG_A_SEND_DEPTH: u64, of these, wait now
 */
enum odg_genl_attr {
	ODG_A_UNSPEC,
	ODG_A_PAD,
	ODG_A_ID,
	ODG_A_PID,
	ODG_A_UID,
	ODG_A_ENTRIES,
	ODG_A_OUTSTANDING,
	ODG_A_UNREAD,
	ODG_A_PINNED,
	ODG_A_POSTED,
	ODG_A_COMPLETED,
	ODG_A_CANCELLED,
	ODG_A_ABORTED,
	ODG_A_BAD_CONS,
	ODG_A_INODE,
	ODG_A_FAMILY,
	ODG_A_LOCAL_ADDR,
	ODG_A_LOCAL_PORT,
	ODG_A_PEER_ADDR,
	ODG_A_PEER_PORT,
	ODG_A_IFINDEX,
	ODG_A_GROUP,
	ODG_A_DEPTH,
	ODG_A_RING_ENTRIES,
	ODG_A_RING_DEPTH,
	ODG_A_SLOW,
	ODG_A_LAST_NS,
	ODG_A_ARRIVED,
	ODG_A_DIRECT,
	ODG_A_FROM_QUEUE,
	ODG_A_FILTERED,
	ODG_A_DISCARDED,
	ODG_A_DROPPED,
	ODG_A_QUEUED,
	ODG_A_NATIVE,
	ODG_A_TRUNCATED,
	ODG_A_ICMP,
	ODG_A_BYTES,
	ODG_A_PORTS,
	ODG_A_SOCKS,
	ODG_A_HIST_ON,
	ODG_A_HIST_COUNT,
	ODG_A_HIST_SUM,
	ODG_A_HIST_MAX,
	ODG_A_HIST,
	ODG_A_EVENT,
	ODG_A_PIECES,
	ODG_A_KEPT,
	ODG_A_REGISTERED,
	ODG_A_SEND_POSTED,
	ODG_A_SENT,
	ODG_A_SENT_BYTES,
	ODG_A_SEND_FAILED,
	ODG_A_SEND_PENDED,
	ODG_A_SEND_DEPTH,
	__ODG_A_END,
};

#define ODG_A_MAX		(__ODG_A_END - 1)

#define ODG_GENL_MAX_GROUPS	64

/**
 * struct odg_genl_group - a multicast group a socket has joined
 * @ifindex: on this device; 0 if the kernel chose one
 * @addr: IPv4 in the first four bytes, of an IPv6 socket as ::ffff:a.b.c.d
 */
struct odg_genl_group {
	__u32 ifindex;
	__u8 addr[16];
};

/**
 * enum odg_slow - why a datagram did not go into a posted buffer in softirq
 * @ODG_SLOW_NONE: each one did
 * @ODG_SLOW_NOTHING_POSTED: no receive was posted
 * @ODG_SLOW_QUEUE: others waited in the socket's queue, which it must not overtake
 * @ODG_SLOW_NO_ROOM: a receive of a ring, and no free entry in the completion queue
 * @ODG_SLOW_BAD_ENTRY: the request queue held too many wrong entries in a row
 * @ODG_SLOW_FILTER: the socket's filter, cgroup or LSM refused it
 * @ODG_SLOW_LONG: it was longer than the receive, and goes to several
 *	(ODG_BIND_PARTIAL)
 * @ODG_SLOW_NOT_PINNED: the receive names an address whose page has to be pinned
 */
enum odg_slow {
	ODG_SLOW_NONE,
	ODG_SLOW_NOTHING_POSTED,
	ODG_SLOW_QUEUE,
	ODG_SLOW_NO_ROOM,
	ODG_SLOW_BAD_ENTRY,
	ODG_SLOW_FILTER,
	ODG_SLOW_LONG,
	ODG_SLOW_NOT_PINNED,
};

enum odg_genl_event {
	ODG_EVENT_STARVED = 1,
	ODG_EVENT_DROP,
	ODG_EVENT_PORT_DIED,
};

/*
 * The latency histogram
 * ---------------------
 * From the arrival of a datagram until its completion is visible.  Arrival is the time
 * the stack stamped it with (SO_TIMESTAMPNS on the socket asks for that), else when it
 * reached the socket; one that waited in the socket's queue without a stamp is not
 * counted.
 *
 * With a stamp the clock is the stamp's, CLOCK_REALTIME; should it be set back between
 * the two, the latency counts as 0.  Without one it is the cycle counter of the CPU
 * (its rate is measured when the first histogram is switched on); where CPUs have none,
 * datagrams without a stamp are not counted.
 *
 * Log-linear: bucket i holds latencies from odg_hist_low(i) up to but without
 * odg_hist_low(i + 1), in ns, with
 *
 *   low(i) = i                             for i < ODG_HIST_SUB
 *   low(i) = (ODG_HIST_SUB + i % ODG_HIST_SUB) << (i / ODG_HIST_SUB - 1)
 *
 * so a bucket is at most an eighth of its latency wide.  The last holds all from
 * there on (64 s).
 */
#define ODG_HIST_SUB		8
#define ODG_HIST_BUCKETS	272

#endif /* _UAPI_LINUX_ODGRAM_NETLINK_H */
