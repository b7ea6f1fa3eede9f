/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_HIST_H
#define ODG_HIST_H

#include <linux/odgram_netlink.h>
#include <linux/types.h>

struct odg_binding;
struct odg_cqe;

/**
 * struct odg_hist - latencies of one socket; all under binding->lock
 * @count: how many
 * @sum: all of them together, ns
 * @max: the largest, ns
 * @buckets: how many were how long; the uapi header says which is which
 */
struct odg_hist {
	u64 count;
	u64 sum;
	u64 max;
	u64 buckets[ODG_HIST_BUCKETS];
};

int odg_hist_set(struct odg_binding *binding, bool on);
void odg_hist_add(struct odg_binding *binding, const struct odg_cqe *cqe,
		  bool direct);
u32 odg_hist_bucket(u64 ns);

#endif /* ODG_HIST_H */
