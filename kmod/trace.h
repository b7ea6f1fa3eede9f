/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, odgram:*.  A socket and a port are named by their numbers, as the
 * netlink family shows them, a receive by its user_data.
 *
 *   odg_post      a receive was accepted by a call (those of a ring are stores,
 *                 which nobody sees)
 *   odg_deliver   a datagram goes into a receive, from the hook or the queue
 *   odg_pass_on   one goes on to the socket's queue, and why
 *   odg_complete  a completion is visible
 *   odg_cancel    a receive is about to end by a cancel
 *   odg_abort     ... because its socket is closed
 *   odg_icmp      an ICMP error came
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM odgram

#if !defined(ODG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ODG_TRACE_H

#include <linux/odgram.h>
#include <linux/odgram_netlink.h>
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(ODG_SLOW_NOTHING_POSTED);
TRACE_DEFINE_ENUM(ODG_SLOW_QUEUE);
TRACE_DEFINE_ENUM(ODG_SLOW_NO_ROOM);
TRACE_DEFINE_ENUM(ODG_SLOW_BAD_ENTRY);
TRACE_DEFINE_ENUM(ODG_SLOW_LONG);
TRACE_DEFINE_ENUM(ODG_SLOW_NOT_PINNED);

TRACE_EVENT(odg_post,
	TP_PROTO(u32 sock, u32 port, u64 user_data, u32 room, bool pends),
	TP_ARGS(sock, port, user_data, room, pends),
	TP_STRUCT__entry(
		__field(u64, user_data)
		__field(u32, sock)
		__field(u32, port)
		__field(u32, room)
		__field(bool, pends)
	),
	TP_fast_assign(
		__entry->user_data = user_data;
		__entry->sock = sock;
		__entry->port = port;
		__entry->room = room;
		__entry->pends = pends;
	),
	TP_printk("sock=%u port=%u user_data=0x%llx room=%u pends=%d",
		  __entry->sock, __entry->port, __entry->user_data,
		  __entry->room, __entry->pends)
);

TRACE_EVENT(odg_deliver,
	TP_PROTO(u32 sock, u32 port, u64 user_data, const struct odg_cqe *cqe,
		 bool direct),
	TP_ARGS(sock, port, user_data, cqe, direct),
	TP_STRUCT__entry(
		__field(u64, user_data)
		__field(u64, rx_ns)
		__field(u32, sock)
		__field(u32, port)
		__field(u16, len)
		__field(u16, full_len)
		__field(bool, direct)
	),
	TP_fast_assign(
		__entry->user_data = user_data;
		__entry->rx_ns = cqe->rx_ns;
		__entry->sock = sock;
		__entry->port = port;
		__entry->len = cqe->len;
		__entry->full_len = cqe->full_len;
		__entry->direct = direct;
	),
	TP_printk("sock=%u port=%u user_data=0x%llx len=%u full_len=%u direct=%d",
		  __entry->sock, __entry->port, __entry->user_data,
		  __entry->len, __entry->full_len, __entry->direct)
);

TRACE_EVENT(odg_pass_on,
	TP_PROTO(u32 sock, u32 why),
	TP_ARGS(sock, why),
	TP_STRUCT__entry(
		__field(u32, sock)
		__field(u32, why)
	),
	TP_fast_assign(
		__entry->sock = sock;
		__entry->why = why;
	),
	TP_printk("sock=%u why=%s", __entry->sock,
		  __print_symbolic(__entry->why,
				   { ODG_SLOW_NOTHING_POSTED, "nothing_posted" },
				   { ODG_SLOW_QUEUE, "queue" },
				   { ODG_SLOW_NO_ROOM, "no_room" },
				   { ODG_SLOW_BAD_ENTRY, "bad_entry" },
				   { ODG_SLOW_LONG, "long" },
				   { ODG_SLOW_NOT_PINNED, "not_pinned" }))
);

TRACE_EVENT(odg_complete,
	TP_PROTO(u32 port, const struct odg_cqe *cqe),
	TP_ARGS(port, cqe),
	TP_STRUCT__entry(
		__field(u64, user_data)
		__field(u32, port)
		__field(u32, seq)
		__field(s16, status)
		__field(u16, len)
	),
	TP_fast_assign(
		__entry->user_data = cqe->user_data;
		__entry->port = port;
		__entry->seq = cqe->seq;
		__entry->status = cqe->status;
		__entry->len = cqe->len;
	),
	TP_printk("port=%u user_data=0x%llx seq=%u status=%d len=%u",
		  __entry->port, __entry->user_data, __entry->seq,
		  __entry->status, __entry->len)
);

DECLARE_EVENT_CLASS(odg_end,
	TP_PROTO(u32 port, u64 user_data),
	TP_ARGS(port, user_data),
	TP_STRUCT__entry(
		__field(u64, user_data)
		__field(u32, port)
	),
	TP_fast_assign(
		__entry->user_data = user_data;
		__entry->port = port;
	),
	TP_printk("port=%u user_data=0x%llx", __entry->port,
		  __entry->user_data)
);

DEFINE_EVENT(odg_end, odg_cancel,
	TP_PROTO(u32 port, u64 user_data),
	TP_ARGS(port, user_data)
);

DEFINE_EVENT(odg_end, odg_abort,
	TP_PROTO(u32 port, u64 user_data),
	TP_ARGS(port, user_data)
);

TRACE_EVENT(odg_icmp,
	TP_PROTO(u32 sock, int status),
	TP_ARGS(sock, status),
	TP_STRUCT__entry(
		__field(u32, sock)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->sock = sock;
		__entry->status = status;
	),
	TP_printk("sock=%u status=%d", __entry->sock, __entry->status)
);

#endif /* ODG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
