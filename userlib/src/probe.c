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
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

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

/* stack_here - its page is there, and most often the caller's variables are in it */
static uintptr_t stack_here(void)
{
	return (uintptr_t)__builtin_frame_address(0);
}

/* What is known is so until the call ends; no count is ever that. */
#define THIS_CALL	(ODGW_UNKNOWN - 1)

/* Of a thread that has not asked yet. */
static struct odgw_known nothing = { .changes = THIS_CALL };
_Thread_local struct odgw_known *odgw_known = &nothing;

void odgw_probe_forget(struct odgw_probe *probe)
{
	static _Thread_local struct odgw_known known;
	uintptr_t i;

	odgw_known = &known;
	/* No address is looked for at the place of its neighbour. */
	for (i = 0; i < ODGW_KNOWN; i++)
		known.pages[i] = known.older[i] = (i ^ 1) * ODGW_PAGE;
	if (!probe->changes || probe->changes == ODGW_UNKNOWN)
		probe->changes = THIS_CALL;
	odgw_known->changes = probe->changes;
}

/* remember - and forget the older one of two that stood there */
static void remember(const struct odgw_probe *probe, uintptr_t page)
{
	uintptr_t i = page / ODGW_PAGE % ODGW_KNOWN;

	/* A signal handler's call has begun a new list. */
	if (odgw_known->changes != probe->changes)
		return;
	odgw_known->older[i] = odgw_known->pages[i];
	odgw_known->pages[i] = page;
}

/* is_known - and goes where the quick look finds it, or it is our stack's */
static bool is_known(const struct odgw_probe *probe, uintptr_t page,
		     uintptr_t enough)
{
	uintptr_t older = odgw_known->older[page / ODGW_PAGE % ODGW_KNOWN];

	if (odgw_probe_may((void *)page, ODGW_PAGE, enough))
		return true;
	if ((older & ~enough) == page)
		remember(probe, older);
	else if (page == (stack_here() & ~(ODGW_PAGE - 1)))
		remember(probe, page);
	else
		return false;
	return true;
}

bool odgw_probe_ask_some(struct odgw_probe *probe, void *p, size_t n,
			 unsigned int *budget)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(ODGW_PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += ODGW_PAGE) {
		if (is_known(probe, page, 0))
			continue;
		if (!(*budget)--)
			return false;
		if (!can_write((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
		remember(probe, page);
	}
	return true;
}

bool odgw_probe_ask_write(struct odgw_probe *probe, void *p, size_t n)
{
	unsigned int no_limit = UINT_MAX;

	return odgw_probe_ask_some(probe, p, n, &no_limit);
}

bool odgw_probe_ask_read(struct odgw_probe *probe, const void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(ODGW_PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += ODGW_PAGE) {
		if (is_known(probe, page, ODGW_READABLE))
			continue;
		if (!can_read((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
		remember(probe, page | ODGW_READABLE);
	}
	return true;
}
