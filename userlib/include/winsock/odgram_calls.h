/* SPDX-License-Identifier: MIT */
/*
 * The socket calls that Windows and the C library both have: bind(), recv() and
 * the like.  Windows' rules differ (options' sizes and units, error codes, what
 * an unbound socket may be asked), so a source that includes <winsock2.h> gets
 * the library's functions for them, and one that does not gets the C library's.
 * Both may work on the same socket.
 *
 * The names of the C library's declarations stay: only the symbol behind each is
 * another.  That leaves structure members, methods and std::bind alone.  It does
 * not do for six: calls whose length is an int * on Windows and a socklen_t * in
 * POSIX, whose body the C library's headers define, or that are made with
 * INVALID_SOCKET.  These are macros in C, which take both spellings, and overloads
 * for a SOCKET as the first argument in C++.
 *
 * Define ODGRAM_NATIVE_CALLS before including <winsock2.h> to keep the C library's
 * functions.
 */
#ifndef ODGRAM_CALLS_H
#define ODGRAM_CALLS_H

#ifndef ODGRAM_WINSOCK2_H
#error "include <winsock2.h>"
#endif

#ifdef __cplusplus
typedef int *odg_length_ptr;
#else
typedef union {
	int		*windows;
	socklen_t	*posix;
} odg_length_ptr __attribute__((__transparent_union__));
#endif

/* WSAGetLastError() tells why one failed. */
int odg_ws_socket(int af, int type, int protocol);
int odg_ws_bind(int s, const struct sockaddr *name, socklen_t namelen);
int odg_ws_connect(int s, const struct sockaddr *name, socklen_t namelen);
int odg_ws_getsockname(SOCKET s, struct sockaddr *name, odg_length_ptr namelen);
int odg_ws_getpeername(SOCKET s, struct sockaddr *name, odg_length_ptr namelen);
int odg_ws_setsockopt(SOCKET s, int level, int name, const void *value,
		      socklen_t len);
int odg_ws_getsockopt(SOCKET s, int level, int name, void *value,
		      odg_length_ptr len);
int odg_ws_shutdown(int s, int how);
ssize_t odg_ws_send(int s, const void *buf, size_t len, int flags);
ssize_t odg_ws_sendto(int s, const void *buf, size_t len, int flags,
		      const struct sockaddr *to, socklen_t tolen);
ssize_t odg_ws_recv(SOCKET s, void *buf, size_t len, int flags);
ssize_t odg_ws_recvfrom(SOCKET s, void *buf, size_t len, int flags,
			struct sockaddr *from, odg_length_ptr fromlen);
int odg_ws_select(int nfds, fd_set *readfds, fd_set *writefds,
		  fd_set *exceptfds, struct timeval *timeout);

#ifndef ODGRAM_NATIVE_CALLS

extern __typeof__(socket) socket __asm__("odg_ws_socket");
extern __typeof__(bind) bind __asm__("odg_ws_bind");
extern __typeof__(connect) connect __asm__("odg_ws_connect");
extern __typeof__(shutdown) shutdown __asm__("odg_ws_shutdown");
extern __typeof__(send) send __asm__("odg_ws_send");
extern __typeof__(sendto) sendto __asm__("odg_ws_sendto");
extern __typeof__(select) select __asm__("odg_ws_select");

#ifdef __cplusplus

extern "C++" {

static inline int getsockname(SOCKET s, struct sockaddr *name, int *len)
{
	return odg_ws_getsockname(s, name, len);
}

static inline int getsockname(SOCKET s, struct sockaddr *name, socklen_t *len)
{
	return odg_ws_getsockname(s, name, (int *)len);
}

static inline int getpeername(SOCKET s, struct sockaddr *name, int *len)
{
	return odg_ws_getpeername(s, name, len);
}

static inline int getpeername(SOCKET s, struct sockaddr *name, socklen_t *len)
{
	return odg_ws_getpeername(s, name, (int *)len);
}

static inline int getsockopt(SOCKET s, int level, int name, void *value, int *len)
{
	return odg_ws_getsockopt(s, level, name, value, len);
}

static inline int getsockopt(SOCKET s, int level, int name, void *value,
			     socklen_t *len)
{
	return odg_ws_getsockopt(s, level, name, value, (int *)len);
}

static inline int setsockopt(SOCKET s, int level, int name, const void *value,
			     socklen_t len)
{
	return odg_ws_setsockopt(s, level, name, value, len);
}

static inline ssize_t recv(SOCKET s, void *buf, size_t len, int flags)
{
	return odg_ws_recv(s, buf, len, flags);
}

static inline ssize_t recvfrom(SOCKET s, void *buf, size_t len, int flags,
			       struct sockaddr *from, int *fromlen)
{
	return odg_ws_recvfrom(s, buf, len, flags, from, fromlen);
}

/* A template, so that NULL is no reason to hesitate between the two. */
template <typename Length>
static inline ssize_t recvfrom(SOCKET s, void *buf, size_t len, int flags,
			       struct sockaddr *from, Length *fromlen)
{
	return odg_ws_recvfrom(s, buf, len, flags, from, (int *)fromlen);
}

} /* extern "C++" */

#else

#define getsockname	odg_ws_getsockname
#define getpeername	odg_ws_getpeername
#define setsockopt	odg_ws_setsockopt
#define getsockopt	odg_ws_getsockopt
#define recv		odg_ws_recv
#define recvfrom	odg_ws_recvfrom

#endif /* __cplusplus */

#endif /* ODGRAM_NATIVE_CALLS */

#endif /* ODGRAM_CALLS_H */
