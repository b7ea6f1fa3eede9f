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
 * One question a page and call, and none for the page of the current stack frame.
 * Answers are not kept: another thread may unmap at any time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/* Larger pages only make for a question too many. */
#define PAGE		((uintptr_t)4096)

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

void odgw_probe_init(struct odgw_probe *probe)
{
	probe->page[0] = (uintptr_t)__builtin_frame_address(0) & ~(PAGE - 1);
	probe->used = 1;
}

static bool is_known(const struct odgw_probe *probe, uintptr_t page)
{
	unsigned int i;

	for (i = 0; i < probe->used; i++)
		if (probe->page[i] == page)
			return true;
	return false;
}

bool odgw_probe_write(struct odgw_probe *probe, void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += PAGE) {
		if (is_known(probe, page))
			continue;
		if (!can_write((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
		if (probe->used < sizeof(probe->page) / sizeof(probe->page[0]))
			probe->page[probe->used++] = page;
	}
	return true;
}

/* Ask this after the writes: what can be written is not asked about again. */
bool odgw_probe_read(struct odgw_probe *probe, const void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p;
	uintptr_t page = addr & ~(PAGE - 1);

	if (addr + n < addr)
		return false;
	for (; page < addr + n; page += PAGE)
		if (!is_known(probe, page) &&
		    !can_read((addr > page ? addr : page) & ~(uintptr_t)3))
			return false;
	return true;
}
