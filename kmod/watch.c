// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watching for ICMP errors: the count in the mapping of a port with ODG_CQ_WATCH.
 *
 * A program that takes what waits in a socket by recv(2) would not be told of an
 * error that waits with us.  So an error that is kept is counted where the program
 * sees it, in the port that it last bound the socket through.
 *
 * Lifetime: made with the port's queue, freed with its last holder.  The mapping goes
 * with the port, which clears @errors first, or with a switch to another (cq.c), which
 * aims it there; both then wait for RCU: who counts is an RCU reader.  No locks; which
 * watch a binding has is under binding->lock.
 */
#include <linux/atomic.h>
#include <linux/slab.h>

#include "watch.h"

struct odg_watch *odg_watch_new(atomic64_t *errors)
{
	struct odg_watch *watch = kmalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);

	if (!watch)
		return NULL;
	refcount_set(&watch->ref, 1);
	watch->errors = errors;
	return watch;
}

/* @watch may be NULL here and in odg_watch_put() to odg_watch_error(). */
struct odg_watch *odg_watch_get(struct odg_watch *watch)
{
	if (watch)
		refcount_inc(&watch->ref);
	return watch;
}

void odg_watch_put(struct odg_watch *watch)
{
	if (watch && refcount_dec_and_test(&watch->ref))
		kfree(watch);
}

/* The port is going; the mapping stays until a grace period after this. */
void odg_watch_close(struct odg_watch *watch)
{
	if (watch)
		WRITE_ONCE(watch->errors, NULL);
	odg_watch_put(watch);
}

/* The port has another mapping; the old one stays until a grace period after this. */
void odg_watch_aim(struct odg_watch *watch, atomic64_t *errors)
{
	WRITE_ONCE(watch->errors, errors);
}

/* An error is kept for the next receive.  RCU. */
void odg_watch_error(struct odg_watch *watch)
{
	atomic64_t *errors = watch ? READ_ONCE(watch->errors) : NULL;

	/* the program may write there, too: it is its own loss */
	if (errors)
		atomic64_inc(errors);
}
