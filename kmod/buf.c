// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a posted receive: taken in, checked, pinned, and given back.
 * Nothing here is shared between tasks, so there is no lock.
 *
 * Softirq may not fault, so pages are pinned when an op pends.  Who pins them,
 * charges for them, and when they are unpinned is pincache.c's.
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

static unsigned long odg_iov_pages(const struct iovec *iov)
{
	unsigned long first = (unsigned long)iov->iov_base >> PAGE_SHIFT;
	unsigned long last;

	if (!iov->iov_len)
		return 0;
	last = ((unsigned long)iov->iov_base + iov->iov_len - 1) >> PAGE_SHIFT;
	return last - first + 1;
}

/* A buffer without memory: putting it is allowed and does nothing. */
void odg_buf_init(struct odg_buf *buf)
{
	buf->vec = buf->inline_vec;
	buf->nr = 0;
	buf->bytes = 0;
}

/* Pin one segment's @nr pages behind the ones @buf has. */
static int odg_buf_pin_iov(struct odg_buf *buf, const struct iovec *iov,
			   unsigned long nr, struct odg_pincache *cache,
			   bool keep)
{
	unsigned long addr = (unsigned long)iov->iov_base;
	size_t left = iov->iov_len;

	while (nr) {
		struct odg_piece *piece = &buf->vec[buf->nr];
		int got;

		got = odg_pins_get(cache, addr >> PAGE_SHIFT,
				   min_t(unsigned long, nr, ODG_PINS_MAX),
				   keep, piece);
		if (got < 0)
			return got;
		buf->nr += got;
		nr -= got;
		for (; got; got--, piece++) {
			piece->offset = offset_in_page(addr);
			piece->len = min_t(size_t, left,
					   PAGE_SIZE - piece->offset);
			addr += piece->len;
			left -= piece->len;
		}
	}
	return 0;
}

/**
 * odg_buf_pin - pin the memory of a scatter list
 * @buf: initialised; on success the caller owes odg_buf_put()
 * @segs: what to pin
 * @cache: the port's
 *
 * Return: 0, -EFAULT if something is not writable memory, -ENOMEM.
 */
int odg_buf_pin(struct odg_buf *buf, const struct odg_segs *segs,
		struct odg_pincache *cache)
{
	unsigned long pages = 0;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < segs->nr; i++)
		pages += odg_iov_pages(&segs->iov[i]);

	if (pages > ARRAY_SIZE(buf->inline_vec)) {
		buf->vec = kvmalloc_array(pages, sizeof(*buf->vec),
					  GFP_KERNEL_ACCOUNT);
		if (!buf->vec) {
			odg_buf_init(buf);
			return -ENOMEM;
		}
	}
	buf->bytes = segs->bytes;

	for (i = 0; i < segs->nr && !ret; i++)
		ret = odg_buf_pin_iov(buf, &segs->iov[i],
				      odg_iov_pages(&segs->iov[i]), cache,
				      pages <= ODG_BUF_KEEP);
	if (ret) {
		odg_buf_put(buf, cache);
		odg_buf_init(buf);
	}
	return ret;
}

/**
 * odg_pieces_write - copy a datagram into pinned memory, any context
 * @piece: where to, from its beginning, and to those behind it
 * @skb: the datagram
 * @offset: where in it to begin
 * @len: bytes, at most those of the pieces
 *
 * By hand, since the iov_iter way checks on each call that the kernel memory it
 * reads may be shown to user space; that is known here.
 *
 * Return: the piece behind the last that was written to.
 */
const struct odg_piece *odg_pieces_write(const struct odg_piece *piece,
					 const struct sk_buff *skb, int offset,
					 u32 len)
{
	while (len) {
		u32 n = min(len, piece->len);
		void *page = kmap_local_page(piece->pin->page);

		/* cannot fail: the datagram has len bytes at offset */
		skb_copy_bits(skb, offset, page + piece->offset, n);
		kunmap_local(page);
		offset += n;
		len -= n;
		piece++;
	}
	return piece;
}

/*
 * Also of a buffer that was only initialised; it has to be initialised again before
 * it is used.  Any context, but a long one takes its time.
 */
void odg_buf_put(struct odg_buf *buf, struct odg_pincache *cache)
{
	unsigned int i;

	for (i = 0; i < buf->nr; i++)
		odg_pin_put(cache, buf->vec[i].pin);
	if (buf->vec != buf->inline_vec)
		kvfree(buf->vec);
}
