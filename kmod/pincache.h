/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_PINCACHE_H
#define ODG_PINCACHE_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched/user.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/**
 * struct odg_pin - one page of a program, pinned and charged
 * @page: which
 * @vpn: where the program had it: address >> PAGE_SHIFT
 * @ref: one for the cache it stands in, one for each piece of an op in it
 * @dead: link in cache->dead once nobody has it
 * @rcu: frees it after that
 */
struct odg_pin {
	struct page *page;
	unsigned long vpn;
	refcount_t ref;
	union {
		struct llist_node dead;
		struct rcu_head rcu;
	};
};

/**
 * struct odg_piece - memory in one page
 * @pin: the page
 * @offset: where in it
 * @len: bytes
 */
struct odg_piece {
	struct odg_pin *pin;
	u32 offset;
	u32 len;
};

/**
 * struct odg_pincache - pages a port has pinned
 * @user: who is charged, or NULL
 * @all: link in the list of all caches
 * @mutex: one task at a time opens the cache
 * @mm: whose pages it keeps; NULL until it is open, never changed then
 * @notifier: tells of changes in @mm
 * @limit: pages that who looks on behalf of @mm may charge
 * @lock: protects what follows, to @last
 * @slots: the pages kept, by the low bits of their vpn; read under RCU, too
 * @mask: how many slots less one
 * @kept: pages in them
 * @changing: changes of @mm under way
 * @changes: beginnings and ends of changes
 * @evicted: pages that had to go though nothing had changed
 * @told: where the program sees the sum of both, plus one; or NULL
 * @first: no page kept has a lower vpn
 * @last: nor a higher one
 * @dead: pins nobody has any more, to be unpinned
 * @reap_work: unpins them if no post does
 */
struct odg_pincache {
	struct user_struct *user;
	struct list_head all;
	struct mutex mutex;		/* see above */
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	unsigned long limit;

	spinlock_t lock;		/* of what follows, to @last */
	struct odg_pin __rcu **slots;
	u32 mask;
	u32 kept;
	u32 changing;
	u64 changes;
	u64 evicted;
	u64 *told;
	unsigned long first;
	unsigned long last;

	struct llist_head dead;
	struct delayed_work reap_work;
};

/* Most pages of one odg_pins_get(). */
#define ODG_PINS_MAX 16

void odg_pincache_init(struct odg_pincache *cache, struct user_struct *user,
		       u32 ops);
bool odg_pincache_watch(struct odg_pincache *cache);
void odg_pincache_tell(struct odg_pincache *cache, u64 *told);
int odg_pincache_own(struct odg_pincache *cache);
bool odg_pincache_serves_us(struct odg_pincache *cache);
void odg_pincache_destroy(struct odg_pincache *cache);

/* Pages kept now, whether an op has them or not. */
static inline u32 odg_pincache_kept(const struct odg_pincache *cache)
{
	return READ_ONCE(cache->kept);
}

int odg_pins_get(struct odg_pincache *cache, unsigned long vpn, int nr,
		 bool keep, struct odg_piece *pieces);
int odg_pins_get_remote(struct odg_pincache *cache, unsigned long vpn, int nr,
			struct odg_piece *pieces);
void odg_pin_over(struct odg_pincache *cache, struct odg_pin *pin);

int odg_pins_find(struct odg_pincache *cache, unsigned long vpn, int nr,
		  struct odg_piece *pieces);
void odg_pins_keep(struct odg_pincache *cache, struct odg_piece *pieces, int nr,
		   u64 changes);
void odg_pins_drop(struct odg_pincache *cache, unsigned long first,
		   unsigned long last);
void odg_pins_reap(struct odg_pincache *cache);

/**
 * odg_pin_find - look one page up, any context with bottom halves off
 * @cache: where, open
 * @vpn: the page
 *
 * Return: its pin with a reference for the caller, or NULL if it is not kept.
 */
static __always_inline struct odg_pin *odg_pin_find(struct odg_pincache *cache,
						    unsigned long vpn)
{
	struct odg_pin *pin = rcu_dereference_bh(cache->slots[vpn & cache->mask]);

	if (unlikely(!pin || pin->vpn != vpn ||
		     !refcount_inc_not_zero(&pin->ref)))
		return NULL;
	return pin;
}

/**
 * odg_pin_put - let go of a page, any context
 * @cache: from which it came
 * @pin: the page
 */
static __always_inline void odg_pin_put(struct odg_pincache *cache,
					struct odg_pin *pin)
{
	if (unlikely(refcount_dec_and_test(&pin->ref)))
		odg_pin_over(cache, pin);
}

/* Does the program see the count of changes? */
static inline bool odg_pincache_tells(const struct odg_pincache *cache)
{
	return cache->told;
}

int odg_charge_pages(struct user_struct *user, unsigned long pages);
void odg_uncharge_pages(struct user_struct *user, unsigned long pages);

#endif /* ODG_PINCACHE_H */
