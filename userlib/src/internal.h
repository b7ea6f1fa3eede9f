/* SPDX-License-Identifier: MIT */
/*
 * What the rooms of the Winsock face know of each other.
 *
 * Everything here starts odgw_ and is hidden by the version script.  Functions
 * that return int return 0 or a WSA error code unless they say otherwise.
 *
 * Locks, outermost first; each is static in the file it is named by:
 *
 *   startup.c  the count of WSAStartup()
 *   rio.c      the objects of registered I/O
 *   thread.c   the list of threads
 *   queues.c   the list of queues
 *   queue      struct odgw_queue.lock: the process's before those of ports
 *   waiter.c   threads that wait for one op
 *   assoc.c    ports and events of sockets
 *   ready.c    calls that sleep until their socket is ready
 *   entry.c    growth of the table of sockets (look-ups take no lock)
 *   multicast.c the groups that sockets have joined
 *   netevents.c the sockets that an event is selected for
 *   change.c   calls that wait for a change of addresses or routes
 *   handle.c   the table of handles
 *   event.c    taking auto-reset events, so that "wait for all" is atomic
 *
 * fork.c takes them all.
 *
 * A thread may be cancelled (pthread_cancel) in odgw_poll() and odgw_sleep(), where a
 * port's takers sleep (iocp.c), and in what is passed on to the C library with nothing
 * held, and nowhere else: who sleeps has pushed a clean-up handler, and other system
 * calls that are cancellation points are made by syscall(2), or with cancellation off.
 */
#ifndef ODGRAM_INTERNAL_H
#define ODGRAM_INTERNAL_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The library itself calls the C library's functions. */
#define ODGRAM_NATIVE_CALLS
#include <mswsock.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "odgram.h"
#include "probe.h"

#pragma GCC visibility push(hidden)

/* error.c: the last error of each thread */

/*
 * Every public function begins with odgw_enter() and ends with odgw_leave() or
 * odgw_leave_failed().  Between them system calls may do with errno what they
 * like.
 */
int odgw_enter(void);			/* WSANOTINITIALISED before WSAStartup() */
int odgw_leave_failed(int err);		/* odgw_leave(), but success keeps it */

/* A thread finds it without a call, since the library is there from the start. */
extern _Thread_local int odgw_last_error
	__attribute__((tls_model("initial-exec")));

/* odgw_leave - last error = err; returns err */
static inline int odgw_leave(int err)
{
	odgw_last_error = err;
	errno = 0;
	return err;
}

/* status.c: errno, WSA codes and NTSTATUS */

#define STATUS_SUCCESS		0x00000000U
#define STATUS_RECEIVE_PARTIAL	0x4000000FU
#define STATUS_BUFFER_OVERFLOW	0x80000005U
#define STATUS_CANCELLED	0xC0000120U

int odgw_wsa_from_errno(int err);	/* err: positive or negative errno */
int odgw_wsa_from_native(int err);	/* 0: no error of a socket call */
int odgw_wsa_from_open(int err);	/* of odg_port_open() */
int odgw_wsa_from_status(uint32_t status);
int odgw_win32_from_status(uint32_t status);
DWORD odgw_flags_from_status(uint32_t status);	/* lpFlags, or a routine's */
uint32_t odgw_status_from_wsa(int err);
uint32_t odgw_status_from_cqe(const struct odg_cqe *cqe);
bool odgw_status_is_error(uint32_t status);

/* startup.c */

extern atomic_uint odgw_startups;	/* less cleanups */

static inline bool odgw_started(void)
{
	return atomic_load_explicit(&odgw_startups, memory_order_acquire);
}

void odgw_startup_lock(void);
void odgw_startup_unlock(void);

/* handle.c: what handles name */

struct odgw_object {
	const struct odgw_type *type;
	atomic_uint refs;
	atomic_uint handles;
};

struct odgw_type {
	/* What a wait for it waits for, there as long as it is; NULL: no memory. */
	struct odgw_event *(*waitable)(struct odgw_object *obj);
	/* Its last handle was closed; may be NULL. */
	void (*close)(struct odgw_object *obj);
	/* In the child, locks held: it shares descriptors with the parent; may be NULL. */
	void (*forked)(struct odgw_object *obj);
	/* Its last reference is gone. */
	void (*destroy)(struct odgw_object *obj);
};

void odgw_object_init(struct odgw_object *obj, const struct odgw_type *type);
void odgw_object_get(struct odgw_object *obj);
void odgw_object_put(struct odgw_object *obj);

/* A handle has a reference of its own.  NULL: no memory. */
HANDLE odgw_handle_new(struct odgw_object *obj);
/* With a reference, or NULL.  @type: only of that; NULL: any */
struct odgw_object *odgw_handle_get(HANDLE h, const struct odgw_type *type);
bool odgw_handle_close(HANDLE h);
void odgw_handle_lock(void);
void odgw_handle_unlock(void);
void odgw_handle_forked(void);

/* event.c: event objects, and eventfds by themselves */

struct odgw_event {
	struct odgw_object obj;
	atomic_bool signaled;
	atomic_uint sleepers;		/* who has to hear the bell */
	atomic_uint silent;		/* ops in flight that do not ring it (chan_rqs.c) */
	atomic_bool closed;
	atomic_bool fed;		/* the bell is the message: RIONotify() */
	bool manual;
	int fd;				/* its bell: eventfd, rings while its count > 0 */
};

extern const struct odgw_type odgw_event_type;

struct odgw_event *odgw_event_new(bool manual, bool signaled, int *err);
struct odgw_event *odgw_event_get(HANDLE h);	/* with a reference, or NULL */
void odgw_event_put(struct odgw_event *ev);
void odgw_event_set(struct odgw_event *ev);
void odgw_event_reset(struct odgw_event *ev);
void odgw_event_completed(struct odgw_event *ev); /* set it for an op that rang */
void odgw_event_feed(struct odgw_event *ev);	/* its bell is the message from now on */
void odgw_event_close(struct odgw_event *ev);	/* wake those who wait for it */
bool odgw_event_is_set(struct odgw_event *ev);
/* Take a signaled event; false if an auto-reset one is gone. */
bool odgw_event_take(struct odgw_event *ev);
/* Take all of them or none. */
bool odgw_event_take_all(struct odgw_event **ev, unsigned int n);
/*
 * Who watches is woken by the bell, whoever sets it: look once more, sleep on ev->fd,
 * end with unwatch, take completions, and look again.  @rang: ev->fd was readable.
 */
void odgw_event_watch(struct odgw_event *ev);
void odgw_event_unwatch(struct odgw_event *ev, bool rang);
/*
 * One more op is in flight that will set it, and no bell rings when it completes:
 * false if somebody watches, who may rely on the bell.  After odgw_event_watch(),
 * odgw_event_is_silent() tells whether to watch the process's port, too.
 */
static inline bool odgw_event_silence(struct odgw_event *ev)
{
	atomic_fetch_add(&ev->silent, 1);
	/* Sequentially consistent, as is odgw_event_watch(): one sees the other. */
	if (!atomic_load(&ev->sleepers))
		return true;
	atomic_fetch_sub(&ev->silent, 1);
	return false;
}

static inline void odgw_event_silence_ends(struct odgw_event *ev)
{
	atomic_fetch_sub(&ev->silent, 1);
}

static inline bool odgw_event_is_silent(struct odgw_event *ev)
{
	return atomic_load(&ev->silent);
}

void odgw_event_forked(struct odgw_event *ev);
void odgw_event_lock(void);
void odgw_event_unlock(void);

void odgw_eventfd_set(int fd);
bool odgw_eventfd_drain(int fd);	/* whether it was set */
int odgw_close(int fd);			/* close(2), no cancellation point */
void odgw_replace(int fd, int by);	/* it names what @by does, which is closed */

/* wait.c */

#define ODGW_FOREVER	ODG_WAIT_FOREVER

uint64_t odgw_deadline(DWORD ms);	/* CLOCK_MONOTONIC, ns; INFINITE: FOREVER */
uint64_t odgw_time_left(uint64_t deadline);	/* ns; 0: it has passed */
/* As ppoll(2) until a deadline, without EINTR; a negative errno on failure. */
int odgw_poll(struct pollfd *fds, unsigned int n, uint64_t deadline);

enum odgw_slept {
	ODGW_READY,		/* one of the descriptors is */
	ODGW_TIMED_OUT,
	ODGW_ALERTED,		/* there may be something for odgw_apc_run() */
};

#define ODGW_SLEEP_SPARE	2

/*
 * Sleep until a descriptor is ready; or, if that is wanted, until the thread has a
 * routine or an APC to run.  @fds has room for ODGW_SLEEP_SPARE more.  Returns an
 * enum odgw_slept, or an error code, negative.
 */
int odgw_sleep(struct pollfd *fds, unsigned int n, uint64_t deadline,
	       bool alertable);

/* entry.c: what is known of each socket */

/* What is kept of a socket the library made, beside what the kernel knows. */
#define ODGW_OURS		0x01
#define ODGW_OVERLAPPED		0x02
#define ODGW_INET6		0x04
#define ODGW_MULTIPOINT		0x08	/* made to be a leaf */
#define ODGW_JOINED		0x10	/* by WSAJoinLeaf() */
#define ODGW_EXCLUSIVE		0x20	/* SO_EXCLUSIVEADDRUSE */
#define ODGW_DUPLICATED		0x40	/* another handle of ours may name it */
#define ODGW_TIMESTAMPS		0x80	/* SIO_TIMESTAMPING */
#define ODGW_NO_UNREACH		0x100	/* SIO_UDP_CONNRESET, off */
#define ODGW_NO_NETRESET	0x200	/* SIO_UDP_NETRESET, off */
#define ODGW_KEEP_REST		0x400	/* ODG_KEEP_REST */
#define ODGW_COPY		0x800	/* made by DuplicateHandle() */
#define ODGW_DROP_OLDEST	0x1000	/* SIO_ENABLE_CIRCULAR_QUEUEING */
#define ODGW_NO_QUEUE		0x2000	/* SO_RCVBUF, 0 */
#define ODGW_COALESCES		0x4000	/* UDP_RECV_MAX_COALESCED_SIZE */
#define ODGW_REGISTERED		0x8000	/* WSA_FLAG_REGISTERED_IO */
#define ODGW_SHUT		0x10000	/* for receiving, by shutdown() */
#define ODGW_DIRECT		0x20000	/* what waits may be taken by recvfrom(2) */
#define ODGW_PORTED		0x40000	/* found to have a local port */

/* Each of its receives is posted by call (chan_rqs.c). */
#define ODGW_BY_CALL		(ODGW_DUPLICATED | ODGW_KEEP_REST | \
				 ODGW_DROP_OLDEST | ODGW_NO_QUEUE | \
				 ODGW_COALESCES | ODGW_REGISTERED | ODGW_SHUT)

/* By descriptor, in chunks that are never freed. */
struct odgw_entry {
	_Atomic uint64_t errors;	/* the count as of which none waits */
	atomic_uint attributes;		/* ODGW_* */
	atomic_int asked[2];		/* SO_RCVBUF, SO_SNDBUF */
	atomic_uint coalesced;		/* UDP_RECV_MAX_COALESCED_SIZE */
};

#define ODGW_CHUNK	4096
#define ODGW_MAX_CHUNKS	256		/* a million descriptors; beyond, we ask */

extern _Atomic(struct odgw_entry *) odgw_chunks[ODGW_MAX_CHUNKS];

/* odgw_socket_entry - of a descriptor; NULL if it has none */
static inline struct odgw_entry *odgw_socket_entry(SOCKET s)
{
	struct odgw_entry *chunk;

	if (s / ODGW_CHUNK >= ODGW_MAX_CHUNKS)
		return NULL;
	chunk = atomic_load_explicit(&odgw_chunks[s / ODGW_CHUNK],
				     memory_order_acquire);
	return chunk ? &chunk[s % ODGW_CHUNK] : NULL;
}

struct odgw_socket {
	int fd;
	int family;
	bool udp;			/* or another's, for native calls only */
	bool overlapped;
	unsigned int attributes;	/* ODGW_* */
};

int odgw_socket_lookup(SOCKET s, struct odgw_socket *sock);
/* The same of sock->fd, and from the kernel alone. */
int odgw_socket_ask(struct odgw_socket *sock);
/* The same for calls that only make sense on UDP: WSAEOPNOTSUPP for others. */
int odgw_socket_lookup_udp(SOCKET s, struct odgw_socket *sock);
/* False: no memory to keep it in. */
bool odgw_socket_mark(int fd, unsigned int attributes, bool on);
/* Forget all of it: the attributes that were. */
unsigned int odgw_socket_clear(int fd);
/* The next descriptor after @fd with an attribute; -1: there is none. */
int odgw_socket_next(int fd, unsigned int attribute);
/* One that the kernel is told of: 0, or an error and it is as before. */
int odgw_socket_set(int fd, unsigned int attribute, bool on);
/* It is not only our calls' any more that take what waits. */
void odgw_socket_not_direct(const struct odgw_socket *sock);
/* No ICMP error waits that was counted by then. */
void odgw_socket_told(int fd, uint64_t errors);
/* The size last asked for, of @which SO_RCVBUF or SO_SNDBUF; 0 if none. */
int odgw_socket_asked_size(int fd, int which);
void odgw_socket_ask_size(int fd, int which, int size);
/* UDP_RECV_MAX_COALESCED_SIZE, and to change it: 0 or an error. */
DWORD odgw_socket_coalesced(int fd);
int odgw_socket_coalesce(int fd, DWORD max);
bool odgw_socket_is_nonblocking(int fd);
/* Its local port; 0: it has none. */
in_port_t odgw_socket_port(int fd);
/* Give it a local port of the system's choice, if it has none. */
int odgw_socket_bind_any(const struct odgw_socket *sock);
/* Tell the kernel what the attributes say to it. */
int odgw_socket_attach(int fd);
/* Whether descriptors of ours name one socket. */
bool odgw_socket_same(int a, int b);
/* Another descriptor of ours that names the same socket; -1: there is none. */
int odgw_socket_another(int fd);
void odgw_entry_lock(void);
void odgw_entry_unlock(void);

/* socket.c: their beginning and end */

/* The thread's SO_OPENTYPE: what its socket() makes. */
int *odgw_socket_open_type(void);
/* A second descriptor of the socket @fd of process @pid. */
int odgw_socket_adopt(pid_t pid, int fd, DWORD flags, int *copy);
/* For handles of sockets: Win32 codes.  @inherit: by programs that are started */
int odgw_socket_duplicate(HANDLE h, bool inherit, HANDLE *copy);
int odgw_socket_close_handle(HANDLE h);
void odgw_socket_close_all(void);

/* ready.c: calls that sleep until their socket is ready (receive.h) */

void odgw_ready_closing(int fd);	/* end those that sleep on that socket */
/* A descriptor is closed, and @to names the same socket: it is what they use now. */
void odgw_ready_renamed(int fd, int to);
void odgw_ready_lock(void);
void odgw_ready_unlock(void);
void odgw_ready_forked(void);

/* address.c */

/* The bytes of the longest datagram. */
#define MAX_MESSAGE_V4	65507
#define MAX_MESSAGE_V6	65527

static inline int odgw_max_message(int family)
{
	return family == AF_INET ? MAX_MESSAGE_V4 : MAX_MESSAGE_V6;
}

int odgw_address_size(int family);
/* A name given by the caller, for @sock. */
int odgw_address_check(const struct odgw_socket *sock,
		       const struct sockaddr *name, int len);
bool odgw_address_is_any(const struct sockaddr *name);
in_port_t odgw_address_port(const struct sockaddr *name);
/* Write a completion's sender the way lpFrom and lpFromlen want it. */
void odgw_address_store(const struct odg_cqe *cqe, int family,
			struct sockaddr *from, int *fromlen);

/* control.c: control messages */

#define ODGW_TELL_PKTINFO	0x01
#define ODGW_TELL_TTL		0x02
#define ODGW_TELL_TOS		0x04
#define ODGW_TELL_PKTINFO6	0x08
#define ODGW_TELL_HOPLIMIT	0x10
#define ODGW_TELL_TCLASS	0x20
#define ODGW_TELL_TIME		0x40

/* What the socket's options ask a receive to tell: ODGW_TELL_*. */
unsigned int odgw_control_wanted(const struct odgw_socket *sock);
/*
 * Write it; control->len becomes the bytes used.  False: not all found room, what
 * is there is whole (MSG_CTRUNC).
 */
bool odgw_control_write(unsigned int wanted, const struct odg_cqe_wide *wide,
			WSABUF *control);
/* MSG_BCAST or MSG_MCAST, for WSAMSG.dwFlags */
DWORD odgw_control_flags(const struct odg_cqe_wide *wide);
/* A send's messages, for sendmsg(2).  *len: in the room at @out, out the bytes. */
int odgw_control_read(const WSABUF *control, void *out, size_t *len);

/* extension.c */

/* Store the pointer of the function named @id at @out. */
int odgw_extension_find(const GUID *id, void *out);
/* Fill in the table of functions named @id; *written: its size */
int odgw_extension_fill(const GUID *id, void *out, DWORD len, DWORD *written);

/* multicast.c */

/* The group that a joined socket sends to. */
bool odgw_leaf_group(int fd, struct sockaddr_storage *group);
void odgw_leaf_forget(int fd);
void odgw_leaf_lock(void);
void odgw_leaf_unlock(void);

/* netevents.c: WSAEventSelect() */

extern atomic_bool odgw_netevents_any;		/* was there ever a selection? */

bool odgw_netevents_selected(int fd);
void odgw_netevents_record(int fd, int bit);	/* FD_*_BIT happened */
void odgw_netevents_taken(int fd);
void odgw_netevents_no_room(int fd);		/* a send found none */
void odgw_netevents_closing(int fd);
void odgw_netevents_lock(void);
void odgw_netevents_unlock(void);
void odgw_netevents_forked(void);

static inline bool odgw_netevents_are_any(void)
{
	return atomic_load_explicit(&odgw_netevents_any, memory_order_acquire);
}

/* odgw_netevents_received - a call took a datagram */
static inline void odgw_netevents_received(int fd)
{
	if (odgw_netevents_are_any())
		odgw_netevents_taken(fd);
}

/* change.c */

void odgw_change_closing(int fd);	/* cancel what waits on that socket */
void odgw_change_lock(void);
void odgw_change_unlock(void);
void odgw_change_forked(void);

/* info.c: WSAPROTOCOL_INFO */

void odgw_info_fill(const struct odgw_socket *sock, LPWSAPROTOCOL_INFOW info);
void odgw_info_narrow(const WSAPROTOCOL_INFOW *wide, LPWSAPROTOCOL_INFOA info);
/* Whether @info came from WSADuplicateSocket(), and names this socket. */
bool odgw_info_names(const WSAPROTOCOL_INFOW *info, pid_t *pid, int *fd);

/* observe.c */

void odgw_observe(LPWSAOVERLAPPED ov, const struct odg_cqe_wide *cqe);

/* OVERLAPPED: Internal is written last and read first. */

static inline void odgw_overlapped_finish(LPWSAOVERLAPPED ov, size_t bytes,
					  uint32_t status)
{
	ov->InternalHigh = bytes;
	/*
	 * Release: pairs with the acquire in odgw_overlapped_status().  Whoever
	 * sees the status sees data, address and byte count.
	 */
	__atomic_store_n(&ov->Internal, status, __ATOMIC_RELEASE);
}

static inline uint32_t odgw_overlapped_status(const OVERLAPPED *ov)
{
	/* Acquire: pairs with the release in odgw_overlapped_finish(). */
	return (uint32_t)__atomic_load_n(&ov->Internal, __ATOMIC_ACQUIRE);
}

/* thread.c: the calling thread */

pid_t odgw_thread_id(void);
int odgw_thread_posts(void);			/* at exit, cancel its ops */
void odgw_thread_lock(void);
void odgw_thread_unlock(void);
void odgw_thread_forked(void);

/* rio.c and its like, which know more of each other in rio.h */

void odgw_rio_socket_closing(int fd);	/* call it before close(2) */
void odgw_rio_socket_renamed(int fd, int to);
void odgw_rio_shutdown(void);
void odgw_rio_lock(void);
void odgw_rio_unlock(void);

/* apc.c */

/* Run all routines and APCs queued to the thread; whether there were any. */
bool odgw_apc_run(void);

/* fork.c */

/* Its parent may have had ops in flight. */
bool odgw_is_fork_child(void);

#pragma GCC visibility pop

#endif /* ODGRAM_INTERNAL_H */
