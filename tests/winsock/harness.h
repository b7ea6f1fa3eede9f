/* SPDX-License-Identifier: MIT */
/*
 * The portable Winsock tests' harness.  The same source compiles for Windows
 * (and runs under Wine) and against odgram's headers.
 *
 * TEST(a41_posts_fill_in_order) { ... } defines a test; the words at the front
 * of its name that look like a41, bv5 or brx12 are the rows of tests/winsock/ids
 * it proves.  Every test has a process of its own: it may leave operations
 * pending, break the library's state or hang, and none of the others notices.
 * A test ends by returning (passed), by the first check that fails, by SKIP(),
 * or when its time is up (failed).
 */
#ifndef HARNESS_H
#define HARNESS_H

#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef STATUS_PENDING
#define STATUS_PENDING 0x103
#endif

#define POISON		0xdeadbeefU
#define POISON_BYTE	0xa5

/* Tests */

struct test {
	const char *name;
	void (*run)(void);
	int line;
	bool startup;		/* WSAStartup() has been called */
	struct test *next;
};

void test_add(struct test *t);

#define TEST_(fn, started) \
	static void fn(void); \
	static struct test fn##_test = { #fn, fn, __LINE__, started, NULL }; \
	static void __attribute__((constructor)) fn##_add(void) \
	{ \
		test_add(&fn##_test); \
	} \
	static void fn(void)

#define TEST(fn)		TEST_(fn, true)
#define TEST_NOT_STARTED(fn)	TEST_(fn, false)

void __attribute__((noreturn, format(printf, 3, 4)))
test_fail(const char *file, int line, const char *fmt, ...);
void __attribute__((noreturn)) test_skip(const char *why);
void check_eq(const char *file, int line, const char *what, long long is,
	      const char *want_text, long long want);

#define CHECK(cond) \
	((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "not true: %s", #cond))
#define EQ(is, want) \
	check_eq(__FILE__, __LINE__, #is, (long long)(is), #want, (long long)(want))
#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(why)	test_skip(why)

bool under_windows(void);	/* Windows or Wine */
bool under_wine(void);

/* Time.  LIMIT: for what must come; QUIET: for what must not. */

extern DWORD LIMIT, QUIET;

long long now_ms(void);
void nap(DWORD ms);		/* never alertable */

/* Wait until cond is true; a failure after LIMIT. */
#define UNTIL(cond) \
	do { \
		long long until_ = now_ms() + LIMIT; \
		while (!(cond)) { \
			if (now_ms() > until_) \
				FAIL("never came true: %s", #cond); \
			nap(1); \
		} \
	} while (0)

/* Threads */

struct thread;

struct thread *thread_start(void (*fn)(void *), void *arg);
/* Until it sleeps in the wait that it goes for; where nobody can tell, for QUIET. */
void thread_waits(struct thread *t);
void thread_join(struct thread *t);
void __attribute__((noreturn)) thread_exit(void);
unsigned long thread_id(void);

/* Memory that may not be touched: size bytes that end at the end of a page. */

enum page { PAGE_NONE, PAGE_READ, PAGE_WRITE };

char *pages(unsigned int count);		/* writable, whole pages */
void protect(char *page, enum page how);	/* one page */
size_t page_size(void);
void *no_access(void);				/* an address in no page */

/* Sockets: R receives and S sends, both on the loopback, once pair() is called */

extern SOCKET R, S;
extern struct sockaddr_in RA, SA;

SOCKET udp(DWORD flags);	/* WSASocket(), not bound */
void bind_lo(SOCKET s, struct sockaddr_in *addr);
void pair(void);		/* R has WSA_FLAG_OVERLAPPED */
void pair_plain(void);		/* R has not */
/* Waits until what was sent has been dealt with, and the errors that it drew. */
void settle(void);
/* They settle(). */
void snd(int n);		/* S sends R n bytes: abc... */
void snd_tag(int n, char tag);	/* n times the same byte */
void snd_from(SOCKET from, const struct sockaddr_in *to, int n, char tag);
bool letters(const char *p, int n);		/* as snd() sends them */
bool filled(const void *p, int byte, size_t n);
/* A loopback address that no socket is bound to. */
struct sockaddr_in dead_port(void);
void nonblocking(SOCKET s, bool on);
bool have_ipv6(void);
void bind_lo6(SOCKET s, struct sockaddr_in6 *addr);

/*
 * Operations.  They live on the heap and are never freed: a failed test leaves
 * them to whoever completes them.
 */
struct op {
	WSAOVERLAPPED ov;
	WSABUF buf;
	struct sockaddr_storage from;
	INT fromlen;
	DWORD bytes;		/* lpNumberOfBytesRecvd */
	DWORD flags;		/* lpFlags: 0 */
	int rc;
	DWORD got_bytes;	/* from WSAGetOverlappedResult() */
	DWORD got_flags;
	char data[2048];
	char after[16];		/* stays as it is */
	/* For completion routines */
	volatile LONG calls;
	DWORD error, transferred, routine_flags;
	unsigned long thread;
};

/* What the last completion routine was given, of whatever operation. */
struct recorded {
	volatile LONG calls;
	DWORD error, transferred, flags;
};

extern struct recorded recorded;
void CALLBACK record(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags);

struct op *op_new(ULONG size);	/* no event; poisoned where results come */
struct op *op_ev(ULONG size);	/* with a fresh event */
struct op *op_of(LPWSAOVERLAPPED ov);

/* The call; 0 or its error.  Checks that rc and error agree. */
int post(struct op *op);
int post_on(SOCKET s, struct op *op);
int post_cr(struct op *op, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
int recv_now(struct op *op);	/* lpOverlapped NULL */
int recv_now_on(SOCKET s, struct op *op);

DWORD wait_op(struct op *op);	/* for its event, LIMIT */
int got(struct op *op);		/* WSAGetOverlappedResult(), no waiting: 0 or error */
int done(struct op *op);	/* wait_op(), got() */
bool is_set(HANDLE event);	/* polls */
bool stays_quiet(HANDLE event);	/* for QUIET */

/* R, S and the library still work: one datagram there and taken. */
void still_works(void);

#endif /* HARNESS_H */
