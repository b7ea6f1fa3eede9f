// SPDX-License-Identifier: MIT
/*
 * Asks whether a caller's pointer is good, instead of dying of a bad one.
 *
 * Buffers are the kernel's to check.  What the library itself reads and writes
 * (the WSABUF array, flags, address, OVERLAPPED) it has to ask about: the
 * kernel never sees those pointers.  futex(2) is the cheapest system call that
 * touches memory without changing it:
 *
 *   write	FUTEX_WAKE_OP adds 0 to a word, atomically, and wakes nobody
 *   read	FUTEX_CMP_REQUEUE compares a word, and moves nobody
 *
 * Both fail with EFAULT on a bad address, and whatever else they say, the
 * address is good.  The others do more work (process_vm_readv pins the page) or
 * leave marks (a signal handler of a library's, descriptors of a pipe).
 *
 * A page is asked about once, and the page of the current stack frame never.  The
 * answer is remembered by each thread until the memory map changes, which the kernel
 * counts (ODG_CQ_WATCH): it is as good as a new one while the count is what it was
 * before the question.  Without that count, as in a child after fork(2), answers are
 * good for one call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "port.h"

static bool can_write(uintptr_t word)
{
	static uint32_t nobody;

	return syscall(SYS_futex, &nobody, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
		       0, NULL, word,
		       FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) >= 0 ||
	       errno != EFAULT;
}

static bool can_read(uintptr_t word)
{
	static uint32_t nobody;

	return syscall(SYS_futex, word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG,
		       0, NULL, &nobody, 0) >= 0 ||
	       errno != EFAULT;
}

/* Pages that can be written to, or at least read; ~0: none. */
static _Thread_local struct {
	uint64_t changes;		/* as of which they were asked about; 0: none */
	uintptr_t pages[2 * ODGW_KNOWN];
} known;

/* Its port is open until the process ends: who reads the count takes no lock. */
static _Atomic(struct odg_port *) watch;

void odgw_probe_watch(void)
{
	struct odg_port *port, *none = NULL;

	if (atomic_load(&watch) || odg_port_open(&port, 1, ODG_CQ_WATCH))
		return;
	if (!atomic_compare_exchange_strong(&watch, &none, port))
		odg_port_close(port);
}

/* The count is of the parent's memory. */
void odgw_probe_forked(void)
{
	odg_port_close(atomic_exchange(&watch, NULL));
}

static uint64_t changes_now(void)
{
	struct odg_port *port = atomic_load_explicit(&watch,
						     memory_order_acquire);

	return port ? __atomic_load_n(odgn_port_changes(port),
				      __ATOMIC_ACQUIRE) : 0;
}

void odgw_probe_init(struct odgw_probe *probe)
{
	probe->stack = (uintptr_t)__builtin_frame_address(0) & ~(ODGW_PAGE - 1);
	probe->changes = changes_now();
	probe->known = known.pages;
	if (probe->changes && probe->changes == known.changes)
		return;
	memset(known.pages, 0xff, sizeof(known.pages));
	known.changes = probe->changes;
}

/* remember - and forget the older one of two that stood there */
static void remember(const struct odgw_probe *probe, uintptr_t page)
{
	uintptr_t *place = &known.pages[page / ODGW_PAGE % ODGW_KNOWN];

	/* A signal handler's call has begun a new list. */
	if (known.changes != probe->changes)
		return;
	place[ODGW_KNOWN] = place[0];
	place[0] = page;
}

bool odgw_probe_ask_write(struct odgw_probe *probe, void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(ODGW_PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += ODGW_PAGE) {
		if (odgw_probe_knows(probe, page, 0))
			continue;
		if (!can_write((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
		remember(probe, page);
	}
	return true;
}

bool odgw_probe_ask_read(struct odgw_probe *probe, const void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(ODGW_PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += ODGW_PAGE) {
		if (odgw_probe_knows(probe, page, ODGW_READABLE))
			continue;
		if (!can_read((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
		remember(probe, page | ODGW_READABLE);
	}
	return true;
}
