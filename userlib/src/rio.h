/* SPDX-License-Identifier: MIT */
/*
 * Registered I/O: what its rooms know of each other.
 *
 *   rio_slots.c   where the three kinds of object live
 *   rio_buffer.c  registered buffers
 *   rio_cq.c      completion queues: a port each
 *   rio_notify.c  telling the program that one is not empty
 *   rio_rq.c      request queues: a socket each
 *   rio_recv.c    receives
 *   rio_send.c    sends
 *   rio_ex.c      what a receive may ask for besides the data
 *   rio.c         the table of functions, the lock, the end
 *
 * Windows has the program keep threads apart that use one queue, so a receive and
 * RIODequeueCompletion() take no lock as long as nothing special happens.  One
 * thread may post to a queue while another dequeues.  All that creates, closes,
 * resizes or registers takes the lock of rio.c; who resizes a queue has it, and a request
 * queue's completion queues, for itself.
 *
 * A request is not an object.  A socket's receives complete in the order of
 * posting: what has to be remembered of one stands in an array used as a ring, and
 * user_data names the queue.  That of a send names its place in the array as well.
 */
#ifndef ODGRAM_RIO_H
#define ODGRAM_RIO_H

#include <mswsockdef.h>

#include "iocp.h"
#include "odgram_ring.h"

#define ODGW_HIDDEN	__attribute__((visibility("hidden")))
#define likely(cond)	__builtin_expect(!!(cond), 1)
#define unlikely(cond)	__builtin_expect(!!(cond), 0)

/* rio_slots.c */

#define ODGW_SLOT_SIZE	((uintptr_t)256)

/**
 * struct odgw_slot - head of every object
 * @handle: what the program calls it: its address, and in the low bits a
 *	generation; 0 unless it is valid
 * @generation: of the next handle
 * @next_free: index + 1 of the next free slot; 0 ends the list
 */
struct odgw_slot {
	uintptr_t handle;
	uint32_t generation;
	uint32_t next_free;
};

/**
 * struct odgw_slots - objects of one kind, at addresses that never move
 * @base: the first, or NULL
 * @used: bytes that hold objects or held them
 * @first_free: index + 1
 */
struct odgw_slots {
	char *base;
	uintptr_t used;
	uint32_t first_free;
};

void *odgw_slot_take(struct odgw_slots *slots);		/* zeroed, or NULL */
void *odgw_slot_publish(void *slot);			/* the handle */
void odgw_slot_retire(void *slot);			/* no handle any more */
void odgw_slot_free(struct odgw_slots *slots, void *slot);

/* odgw_slot_at - the object at an address, whether valid or not; NULL if none is */
static inline void *odgw_slot_at(const struct odgw_slots *slots, uintptr_t at)
{
	at &= ~(ODGW_SLOT_SIZE - 1);
	return at - (uintptr_t)slots->base < slots->used ? (void *)at : NULL;
}

/* odgw_slot_get - the object of a handle, or NULL whatever the handle is */
static inline void *odgw_slot_get(const struct odgw_slots *slots,
				  const void *handle)
{
	struct odgw_slot *slot = odgw_slot_at(slots, (uintptr_t)handle);

	return slot && slot->handle == (uintptr_t)handle ? slot : NULL;
}

#define odgw_slot_for_each(slots, obj) \
	for ((obj) = (void *)(slots)->base; \
	     (uintptr_t)(obj) - (uintptr_t)(slots)->base < (slots)->used; \
	     (obj) = (void *)((char *)(obj) + ODGW_SLOT_SIZE))

/* rio_cq.c */

/**
 * struct odgw_rio_cq - a completion queue
 * @slot: its handle
 * @ring: the port's queue
 * @corrupt: something impossible was found in it
 * @port: the port
 * @capacity: as the program asked; at most the ring's entries, which grow with it
 * @reserved: what the limits of the attached request queues add up to
 * @nothing: region for receives without a buffer, or -1
 * @event: what RIONotify() has set, or NULL
 * @reset: RIONotify() resets it first
 * @iocp: where it puts a packet, or NULL
 * @trigger: tells that port when
 * @key: of the packet
 * @overlapped: of the packet
 */
struct odgw_rio_cq {
	struct odgw_slot slot;
	struct odg_cq ring;
	bool corrupt;
	struct odg_port *port;
	uint32_t capacity;
	uint32_t reserved;
	int nothing;
	struct odgw_event *event;
	bool reset;
	struct odgw_iocp *iocp;
	struct odgw_trigger trigger;
	ULONG_PTR key;
	LPWSAOVERLAPPED overlapped;
};

extern struct odgw_slots odgw_rio_cqs ODGW_HIDDEN;

RIO_CQ WINAPI odgw_rio_create_cq(DWORD size, PRIO_NOTIFICATION_COMPLETION how);
BOOL WINAPI odgw_rio_resize_cq(RIO_CQ handle, DWORD size);
VOID WINAPI odgw_rio_close_cq(RIO_CQ handle);
ULONG WINAPI odgw_rio_dequeue(RIO_CQ handle, PRIORESULT array, ULONG size);
int odgw_rio_cq_nothing(struct odgw_rio_cq *cq, int *region);	/* lock held */
void odgw_rio_cq_destroy(struct odgw_rio_cq *cq);		/* lock held */

/* rio_notify.c */

INT WINAPI odgw_rio_notify(RIO_CQ handle);
int odgw_rio_notify_open(struct odgw_rio_cq *cq,
			 const RIO_NOTIFICATION_COMPLETION *how);
void odgw_rio_notify_close(struct odgw_rio_cq *cq);
/* Nobody looks whether it told, until odgw_rio_notify_go_on() in another @cq->ring. */
void odgw_rio_notify_hold(struct odgw_rio_cq *cq);
void odgw_rio_notify_go_on(struct odgw_rio_cq *cq);

/* rio_buffer.c */

/**
 * struct odgw_rio_buffer - a registered buffer
 * @slot: its handle
 * @base: the memory
 * @len: its bytes
 * @cq: the first queue whose port knows it, or NULL
 * @region: what it is called there
 * @more: further queues
 * @shelf: what it is called on the shelf, as long as no queue knows it; or -1
 */
struct odgw_rio_buffer {
	struct odgw_slot slot;
	char *base;
	uint32_t len;
	int region;
	struct odgw_rio_cq *cq;
	struct odgw_rio_place *more;
	int shelf;
};

extern struct odgw_slots odgw_rio_buffers ODGW_HIDDEN;

RIO_BUFFERID WINAPI odgw_rio_register(PCHAR data, DWORD len);
VOID WINAPI odgw_rio_deregister(RIO_BUFFERID id);

/* What the buffer is called on the port of @cq; registers it there at need. */
int odgw_rio_buffer_place(struct odgw_rio_buffer *buf, struct odgw_rio_cq *cq,
			  int *region);
void odgw_rio_buffers_forget(struct odgw_rio_cq *cq);		/* lock held */
void odgw_rio_buffers_destroy(void);				/* lock held */

static inline bool odgw_rio_holds(const struct odgw_rio_buffer *buf,
				  const RIO_BUF *piece)
{
	return (uint64_t)piece->Offset + piece->Length <= buf->len;
}

/* The memory of a piece, or NULL if the buffer or the piece is not there. */
static inline void *odgw_rio_memory(const RIO_BUF *piece)
{
	const struct odgw_rio_buffer *buf;

	buf = odgw_slot_get(&odgw_rio_buffers, piece->BufferId);
	return buf && odgw_rio_holds(buf, piece) ? buf->base + piece->Offset : NULL;
}

/* rio_rq.c */

/*
 * user_data: the request queue's address, these in its low bits, and above it, of a
 * send, its place in @contexts.
 */
#define ODGW_RIO_SEND		0x1U
#define ODGW_RIO_EX		0x2U	/* @ex of the queue has something for it */
#define ODGW_RIO_NO_DATA	0x4U	/* no buffer was given */
#define ODGW_RIO_PLACE_SHIFT	48
#define ODGW_RIO_MAX_SENDS	(1U << 16)

/**
 * struct odgw_rio_side - the receives or the sends of a socket
 * @cq: where they complete; NULL once that is closed
 * @contexts: RequestContext of each; of a receive, at its number & @mask
 * @mask: entries of @contexts - 1
 * @room: how many may be outstanding now
 * @posted: number of the next request; written by who posts
 * @done: number of the next completion; written by who dequeues
 */
struct odgw_rio_side {
	struct odgw_rio_cq *cq;
	uint64_t *contexts;
	uint32_t mask;
	uint32_t room;
	uint32_t posted;
	uint32_t done;
};

/**
 * struct odgw_rio_rq - a request queue
 * @slot: its handle
 * @ring: the kernel's ring; open once the socket has a local port
 * @ring_open: whether it is
 * @side: [0] receives, [1] sends
 * @socket_context: as the program gave it
 * @max: how many of each side may be outstanding
 * @ex: of each receive what rio_ex.c has to do; NULL until one asks
 * @tells: control messages to deliver, as of the first receive that asked for them
 * @sends: what rio_send.c needs
 * @sock: the socket
 * @inode: the socket's, to know a descriptor that was used again
 * @port: its local port, network order, once @ring_open
 * @closing: the socket is closed, completions may still be on their way
 */
struct odgw_rio_rq {
	struct odgw_slot slot;
	struct odg_rq ring;
	bool ring_open;
	bool closing;
	uint16_t port;
	struct odgw_rio_side side[2];
	uint64_t socket_context;
	uint32_t max[2];
	struct odgw_rio_ex *ex;
	unsigned int tells;
	struct odgw_rio_sends *sends;
	struct odgw_socket sock;
	uint64_t inode;
};

extern struct odgw_slots odgw_rio_rqs ODGW_HIDDEN;

RIO_RQ WINAPI odgw_rio_create_rq(SOCKET s, ULONG max_receive,
				 ULONG receive_buffers, ULONG max_send,
				 ULONG send_buffers, RIO_CQ receive_cq,
				 RIO_CQ send_cq, PVOID socket_context);
BOOL WINAPI odgw_rio_resize_rq(RIO_RQ handle, DWORD max_receive, DWORD max_send);
int odgw_rio_rq_open(struct odgw_rio_rq *rq);			/* lock held */
void odgw_rio_rq_cq_closed(struct odgw_rio_cq *cq);		/* lock held */
void odgw_rio_rq_drained(struct odgw_rio_rq *rq);
void odgw_rio_rqs_destroy(void);				/* lock held */

/* odgw_rio_rq_of - the queue that a completion names, or NULL if it names none */
static inline struct odgw_rio_rq *odgw_rio_rq_of(uint64_t user_data)
{
	/* Shifts, for the place must not count; addresses have no bits there. */
	return odgw_slot_at(&odgw_rio_rqs,
			    user_data << (64 - ODGW_RIO_PLACE_SHIFT) >>
			    (64 - ODGW_RIO_PLACE_SHIFT));
}

static inline uint32_t odgw_rio_outstanding(const struct odgw_rio_side *side)
{
	/* Acquire: pairs with the release in take() of rio_cq.c. */
	return side->posted - __atomic_load_n(&side->done, __ATOMIC_ACQUIRE);
}

/* rio_recv.c */

BOOL WINAPI odgw_rio_receive(RIO_RQ handle, PRIO_BUF data, ULONG count,
			     DWORD flags, PVOID context);
int WINAPI odgw_rio_receive_ex(RIO_RQ handle, PRIO_BUF data, ULONG count,
			       PRIO_BUF local, PRIO_BUF remote,
			       PRIO_BUF control, PRIO_BUF msg_flags,
			       DWORD flags, PVOID context);
void odgw_rio_commit(struct odgw_rio_rq *rq);

/* rio_send.c */

BOOL WINAPI odgw_rio_send(RIO_RQ handle, PRIO_BUF data, ULONG count,
			  DWORD flags, PVOID context);
BOOL WINAPI odgw_rio_send_ex(RIO_RQ handle, PRIO_BUF data, ULONG count,
			     PRIO_BUF local, PRIO_BUF remote, PRIO_BUF control,
			     PRIO_BUF msg_flags, DWORD flags, PVOID context);
int odgw_rio_sends_make(struct odgw_rio_rq *rq);
int odgw_rio_sends_grow(struct odgw_rio_rq *rq, uint32_t size);
void odgw_rio_sends_free(struct odgw_rio_rq *rq);
int odgw_rio_sends_flush(struct odgw_rio_rq *rq);
/* The place of a completed send may be used again. */
void odgw_rio_sends_done(struct odgw_rio_rq *rq, uint32_t place);

/* rio_ex.c */

/* The pieces of memory a receive named besides its data; BufferId 0: none. */
struct odgw_rio_ex {
	RIO_BUF local;
	RIO_BUF remote;
	RIO_BUF control;
	RIO_BUF flags;
};

/* 0 if a piece is not named, or is there and has @least bytes. */
int odgw_rio_ex_piece(const RIO_BUF *piece, size_t least);
int odgw_rio_ex_check(struct odgw_rio_rq *rq, const struct odgw_rio_ex *ex);
void odgw_rio_ex_store(const struct odgw_rio_rq *rq,
		       const struct odgw_rio_ex *ex,
		       const struct odg_cqe_wide *wide);

_Static_assert(sizeof(struct odgw_rio_cq) <= ODGW_SLOT_SIZE, "fits a slot");
_Static_assert(sizeof(struct odgw_rio_rq) <= ODGW_SLOT_SIZE, "fits a slot");
_Static_assert(sizeof(struct odgw_rio_buffer) <= ODGW_SLOT_SIZE, "fits a slot");

/* rio.c: what WSAIoctl() hands out */

extern const RIO_EXTENSION_FUNCTION_TABLE odgw_rio_table ODGW_HIDDEN;

#endif /* ODGRAM_RIO_H */
