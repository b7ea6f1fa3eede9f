// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a posted receive: taken in, checked, pinned, charged, and given
 * back.  Nothing here is shared between tasks, so there is no lock; the charge
 * is one atomic per user.
 *
 * Softirq may not fault, so pages are pinned when an op pends; unpinning may
 * sleep, so it is the reaper's (op.c).
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/odgram.h>

#include "buf.h"

static int odg_seg_import(struct odg_seg *seg, const struct odg_seg __user *useg)
{
	if (!user_read_access_begin(useg, sizeof(*useg)))
		return -EFAULT;
	unsafe_get_user(seg->addr, &useg->addr, err_fault);
	unsafe_get_user(seg->len, &useg->len, err_fault);
	unsafe_get_user(seg->__reserved, &useg->__reserved, err_fault);
	user_read_access_end();
	return 0;

err_fault:
	user_read_access_end();
	return -EFAULT;
}

/**
 * odg_segs_import - copy a scatter list in and check it
 * @segs: filled; odg_segs_free() it on success
 * @usegs: the program's list
 * @nr: its length
 *
 * Return: 0, -EINVAL (count, reserved field, total), -EFAULT or -ENOMEM.
 */
int odg_segs_import(struct odg_segs *segs, const struct odg_seg __user *usegs,
		    u32 nr)
{
	u32 i;
	int ret;

	if (!nr || nr > ODG_MAX_SEGS)
		return -EINVAL;

	segs->nr = nr;
	segs->bytes = 0;
	segs->iov = segs->inline_iov;
	if (nr > ARRAY_SIZE(segs->inline_iov)) {
		segs->iov = kmalloc_array(nr, sizeof(*segs->iov), GFP_KERNEL);
		if (!segs->iov)
			return -ENOMEM;
	}

	for (i = 0; i < nr; i++) {
		struct odg_seg seg;

		ret = odg_seg_import(&seg, &usegs[i]);
		if (ret)
			goto err_free;
		ret = -EINVAL;
		if (seg.__reserved)
			goto err_free;
		if (check_add_overflow(segs->bytes, seg.len, &segs->bytes) ||
		    segs->bytes > INT_MAX)
			goto err_free;
		segs->iov[i].iov_base = u64_to_user_ptr(seg.addr);
		segs->iov[i].iov_len = seg.len;
		ret = -EFAULT;
		if (!access_ok(segs->iov[i].iov_base, seg.len))
			goto err_free;
	}
	return 0;

err_free:
	odg_segs_free(segs);
	return ret;
}

void odg_segs_free(struct odg_segs *segs)
{
	if (segs->iov != segs->inline_iov)
		kfree(segs->iov);
}

/**
 * odg_charge_pages - charge locked memory to a user
 * @user: who pays, or NULL for one with CAP_IPC_LOCK
 * @pages: how much
 *
 * Return: 0, or -ENOMEM if RLIMIT_MEMLOCK of the caller would be exceeded.
 */
int odg_charge_pages(struct user_struct *user, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long old;

	if (!user)
		return 0;

	old = atomic_long_read(&user->locked_vm);
	do {
		if (pages > limit || old > limit - pages)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + pages));
	return 0;
}

void odg_uncharge_pages(struct user_struct *user, unsigned long pages)
{
	if (user)
		atomic_long_sub(pages, &user->locked_vm);
}

static unsigned long odg_iov_pages(const struct iovec *iov)
{
	unsigned long first = (unsigned long)iov->iov_base >> PAGE_SHIFT;
	unsigned long last;

	if (!iov->iov_len)
		return 0;
	last = ((unsigned long)iov->iov_base + iov->iov_len - 1) >> PAGE_SHIFT;
	return last - first + 1;
}

/* A buffer without memory: unpinning it is allowed and does nothing. */
void odg_buf_init(struct odg_buf *buf)
{
	buf->vec = buf->inline_vec;
	buf->nr = 0;
	buf->bytes = 0;
}

static void odg_buf_release_pages(struct odg_buf *buf)
{
	unsigned int i;

	/* somebody may have written to them, so they are dirty */
	for (i = 0; i < buf->nr; i++)
		unpin_user_pages_dirty_lock(&buf->vec[i].bv_page, 1, true);
	if (buf->vec != buf->inline_vec)
		kvfree(buf->vec);
	odg_buf_init(buf);
}

/* Pin one segment's @nr pages behind the ones @buf has. */
static int odg_buf_pin_iov(struct odg_buf *buf, const struct iovec *iov,
			   unsigned long nr)
{
	unsigned long addr = (unsigned long)iov->iov_base;
	size_t left = iov->iov_len;
	struct page *pages[16];

	while (nr) {
		int want = min_t(unsigned long, nr, ARRAY_SIZE(pages));
		int got, i;

		got = pin_user_pages_fast(addr & PAGE_MASK, want,
					  FOLL_WRITE | FOLL_LONGTERM, pages);
		for (i = 0; i < got; i++) {
			u32 off = offset_in_page(addr);
			u32 len = min_t(size_t, left, PAGE_SIZE - off);

			buf->vec[buf->nr++] = (struct bio_vec) {
				.bv_page = pages[i],
				.bv_len = len,
				.bv_offset = off,
			};
			addr += len;
			left -= len;
		}
		if (got < 0)
			return got;
		if (got < want)
			return -EFAULT;
		nr -= got;
	}
	return 0;
}

/**
 * odg_buf_pin - pin and charge the memory of a scatter list
 * @buf: filled; on success the caller owes odg_buf_unpin()
 * @segs: what to pin
 * @user: who pays for it
 *
 * Return: 0, -EFAULT if something is not writable memory, -ENOMEM.
 */
int odg_buf_pin(struct odg_buf *buf, const struct odg_segs *segs,
		struct user_struct *user)
{
	unsigned long pages = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < segs->nr; i++)
		pages += odg_iov_pages(&segs->iov[i]);

	ret = odg_charge_pages(user, pages);
	if (ret)
		return ret;

	odg_buf_init(buf);
	buf->bytes = segs->bytes;
	if (pages > ARRAY_SIZE(buf->inline_vec)) {
		buf->vec = kvmalloc_array(pages, sizeof(*buf->vec),
					  GFP_KERNEL_ACCOUNT);
		ret = -ENOMEM;
		if (!buf->vec)
			goto err_uncharge;
	}

	for (i = 0; i < segs->nr; i++) {
		ret = odg_buf_pin_iov(buf, &segs->iov[i],
				      odg_iov_pages(&segs->iov[i]));
		if (ret)
			goto err_release;
	}
	return 0;

err_release:
	odg_buf_release_pages(buf);
err_uncharge:
	odg_uncharge_pages(user, pages);
	return ret;
}

/**
 * odg_buf_write - copy a datagram into pinned memory, any context
 * @buf: where to, from its beginning
 * @skb: the datagram
 * @offset: where in it to begin
 * @len: bytes, at most @buf->bytes
 *
 * By hand, since the iov_iter way checks on each call that the kernel memory it
 * reads may be shown to user space; that is known here.
 */
void odg_buf_write(const struct odg_buf *buf, const struct sk_buff *skb,
		   int offset, u32 len)
{
	const struct bio_vec *vec = buf->vec;

	while (len) {
		u32 n = min(len, vec->bv_len);
		void *page = kmap_local_page(vec->bv_page);

		/* cannot fail: the datagram has len bytes at offset */
		skb_copy_bits(skb, offset, page + vec->bv_offset, n);
		kunmap_local(page);
		offset += n;
		len -= n;
		vec++;
	}
}

/* Also of a buffer that was only initialised.  May sleep. */
void odg_buf_unpin(struct odg_buf *buf, struct user_struct *user)
{
	odg_uncharge_pages(user, buf->nr);
	odg_buf_release_pages(buf);
}
