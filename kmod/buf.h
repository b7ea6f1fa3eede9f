/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_BUF_H
#define ODG_BUF_H

#include <linux/bvec.h>
#include <linux/sched/user.h>
#include <linux/uio.h>

struct odg_seg;
struct sk_buff;

/* Most posts are one segment of at most a page, which may straddle two. */
#define ODG_BUF_INLINE 2

/**
 * struct odg_segs - the scatter list of one post, copied in and checked
 * @iov: the segments
 * @nr: how many
 * @bytes: their lengths together
 * @inline_iov: room for the usual short list
 */
struct odg_segs {
	struct iovec *iov;
	unsigned int nr;
	u32 bytes;
	struct iovec inline_iov[4];
};

/**
 * struct odg_buf - pinned memory of one posted op
 * @vec: its pages in filling order; @inline_vec or an allocation
 * @nr: entries of @vec in use, each one pinned page
 * @bytes: room in all of them together
 * @inline_vec: see ODG_BUF_INLINE
 */
struct odg_buf {
	struct bio_vec *vec;
	unsigned int nr;
	u32 bytes;
	struct bio_vec inline_vec[ODG_BUF_INLINE];
};

int odg_segs_import(struct odg_segs *segs, const struct odg_seg __user *usegs,
		    u32 nr);
void odg_segs_free(struct odg_segs *segs);

void odg_buf_init(struct odg_buf *buf);
int odg_buf_pin(struct odg_buf *buf, const struct odg_segs *segs,
		struct user_struct *user);
void odg_buf_write(const struct odg_buf *buf, const struct sk_buff *skb,
		   int offset, u32 len);
void odg_buf_unpin(struct odg_buf *buf, struct user_struct *user);

int odg_charge_pages(struct user_struct *user, unsigned long pages);
void odg_uncharge_pages(struct user_struct *user, unsigned long pages);

#endif /* ODG_BUF_H */
