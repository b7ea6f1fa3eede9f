/* SPDX-License-Identifier: MIT */
/*
 * Pointers of the caller that may be bad: a page is asked about (probe.c), and known to
 * be good as long as the kernel counts no change of the memory map (watch.c).
 */
#ifndef ODGRAM_PROBE_H
#define ODGRAM_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct odg_port;

#pragma GCC visibility push(hidden)

/* watch.c: what the kernel counts in the mapping of a port with ODG_CQ_WATCH */

#define ODGW_UNKNOWN	UINT64_MAX	/* 0: no memory to watch */

/* Where they are; without such a port, a word that is ODGW_UNKNOWN. */
extern _Atomic(const uint64_t *) odgw_changes_at;
extern _Atomic(const uint64_t *) odgw_errors_at;

void odgw_watch_start(void);
/* Sockets that are bound through it count their errors there; may be NULL. */
struct odg_port *odgw_watch_port(void);
void odgw_watch_forked(void);

static inline uint64_t odgw_count_at(_Atomic(const uint64_t *) *where)
{
	return __atomic_load_n(atomic_load_explicit(where, memory_order_acquire),
			       __ATOMIC_ACQUIRE);
}

/* probe.c */

/* Larger pages only make for a question too many. */
#define ODGW_PAGE	((uintptr_t)4096)
#define ODGW_KNOWN	128
/* With a page that may not be writable: no address of the program has that bit. */
#define ODGW_READABLE	((uintptr_t)1 << 63)

/* Pages that can be written to, or at least read, at the low bits of their number. */
struct odgw_known {
	uint64_t changes;		/* as of which they were asked about */
	uintptr_t pages[ODGW_KNOWN];	/* of another place: none */
	uintptr_t older[ODGW_KNOWN];	/* what stood there before */
};

/* The thread's; a pointer, so that the little that is read all the time is no call. */
extern _Thread_local struct odgw_known *odgw_known
	__attribute__((tls_model("initial-exec")));

struct odgw_probe {
	uint64_t changes;		/* of the memory map, until it began */
};

void odgw_probe_forget(struct odgw_probe *probe);
bool odgw_probe_ask_read(struct odgw_probe *probe, const void *p, size_t n);
bool odgw_probe_ask_write(struct odgw_probe *probe, void *p, size_t n);
/* The same, but give up when more than *budget pages would have to be asked about. */
bool odgw_probe_ask_some(struct odgw_probe *probe, void *p, size_t n,
			 unsigned int *budget);

/* odgw_probe_remembers - whether what this thread knows is still true */
static inline bool odgw_probe_remembers(struct odgw_probe *probe)
{
	probe->changes = odgw_count_at(&odgw_changes_at);
	return probe->changes == odgw_known->changes;
}

static inline void odgw_probe_init(struct odgw_probe *probe)
{
	if (!odgw_probe_remembers(probe))
		odgw_probe_forget(probe);
}

static inline bool odgw_page_has(uintptr_t page, const void *p, size_t n,
				 uintptr_t enough)
{
	uintptr_t last;

	return !__builtin_sub_overflow(ODGW_PAGE, n, &last) &&
	       (((uintptr_t)p ^ page) & ~enough) <= last;
}

/*
 * odgw_probe_may - whether an address is known to be good, and within one page: as far
 * from its beginning as there may be bytes behind
 */
static inline bool odgw_probe_may(const void *p, size_t n, uintptr_t enough)
{
	uintptr_t i = (uintptr_t)p / ODGW_PAGE % ODGW_KNOWN;

	return odgw_page_has(odgw_known->pages[i], p, n, enough);
}

static inline bool odgw_probe_may_write(const void *p, size_t n)
{
	return odgw_probe_may(p, n, 0);
}

static inline bool odgw_probe_may_read(const void *p, size_t n)
{
	return odgw_probe_may(p, n, ODGW_READABLE);
}

/* Where the page may stand behind another: odgw_probe_may() is the quicker look. */
static inline bool odgw_probe_may_too(const void *p, size_t n, uintptr_t enough)
{
	uintptr_t i = (uintptr_t)p / ODGW_PAGE % ODGW_KNOWN;

	return odgw_probe_may(p, n, enough) ||
	       odgw_page_has(odgw_known->older[i], p, n, enough);
}

static inline bool odgw_probe_may_write_too(const void *p, size_t n)
{
	return odgw_probe_may_too(p, n, 0);
}

static inline bool odgw_probe_may_read_too(const void *p, size_t n)
{
	return odgw_probe_may_too(p, n, ODGW_READABLE);
}

/* Ask for the writes first: what can be written is not asked about again. */
static inline bool odgw_probe_read(struct odgw_probe *probe, const void *p,
				   size_t n)
{
	return odgw_probe_may_read(p, n) || odgw_probe_ask_read(probe, p, n);
}

static inline bool odgw_probe_write(struct odgw_probe *probe, void *p, size_t n)
{
	return odgw_probe_may_write(p, n) || odgw_probe_ask_write(probe, p, n);
}

#pragma GCC visibility pop

#endif /* ODGRAM_PROBE_H */
