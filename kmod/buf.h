/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_BUF_H
#define ODG_BUF_H

#include <linux/uio.h>

#include "pincache.h"

struct odg_seg;
struct sk_buff;

/* Most posts are one segment of at most a page, which may straddle two. */
#define ODG_BUF_INLINE 2

/* The largest datagram's worth of small pages, however it is cut. */
#define ODG_BUF_KEEP 32

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
 * @vec: its pieces in filling order; @inline_vec or an allocation
 * @nr: entries of @vec in use
 * @bytes: room in all of them together
 * @inline_vec: see ODG_BUF_INLINE
 */
struct odg_buf {
	struct odg_piece *vec;
	unsigned int nr;
	u32 bytes;
	struct odg_piece inline_vec[ODG_BUF_INLINE];
};

int odg_segs_import(struct odg_segs *segs, const struct odg_seg __user *usegs,
		    u32 nr);
void odg_segs_free(struct odg_segs *segs);

void odg_buf_init(struct odg_buf *buf);
int odg_buf_pin(struct odg_buf *buf, const struct odg_segs *segs,
		struct odg_pincache *cache);
const struct odg_piece *odg_pieces_write(const struct odg_piece *piece,
					 const struct sk_buff *skb, int offset,
					 u32 len);
void odg_buf_put(struct odg_buf *buf, struct odg_pincache *cache);

/* Has it too many pages to keep them, or to let go of them in softirq? */
static inline bool odg_buf_is_long(const struct odg_buf *buf)
{
	return buf->nr > ODG_BUF_KEEP;
}

#endif /* ODG_BUF_H */
