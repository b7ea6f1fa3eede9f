/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_WATCH_H
#define ODG_WATCH_H

#include <linux/refcount.h>
#include <linux/types.h>

/**
 * struct odg_watch - where a program sees that an ICMP error waits
 * @ref: the port's, and one of each binding that was bound through it
 * @errors: the count in the port's mapping, NULL once the port is going; RCU
 */
struct odg_watch {
	refcount_t ref;
	atomic64_t *errors;
};

struct odg_watch *odg_watch_new(atomic64_t *errors);
struct odg_watch *odg_watch_get(struct odg_watch *watch);
void odg_watch_put(struct odg_watch *watch);
void odg_watch_close(struct odg_watch *watch);
void odg_watch_aim(struct odg_watch *watch, atomic64_t *errors);
void odg_watch_error(struct odg_watch *watch);

#endif /* ODG_WATCH_H */
