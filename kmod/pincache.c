// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of posted receives: pinned, charged, and kept pinned for the next post
 * that names them.
 *
 * A program that receives posts the same buffers over and over.  Finding its pages,
 * pinning and unpinning them would be half of what a post costs, so a page that was
 * pinned for an op stays pinned after it, and is found again by its address alone.
 *
 * What keeps that true: a page found here is the one that a store of the program to
 * that address would reach.  Whatever changes this (munmap, mprotect, mremap,
 * madvise, fork, truncation, migration, reclaim, write-back) tells an mmu notifier
 * before it does, and the notifier drops the page from the cache: a post that
 * begins after the change finds nothing and walks the page tables.  While a change
 * is under way nothing is added for the whole of the memory map; what was pinned
 * during one serves its op and is not kept.  A post and a change at the same time
 * are a race of the program's own: the op has the memory before or after it.
 *
 * Nobody writes to a page because it is kept: only an op does, and only until its
 * completion is visible; and a receive of a ring that names it by address
 * (rq_pages.c), which looks for it when the datagram comes.
 *
 * Lifetime of a pin: from the pinning to the last of its holders, the cache and each
 * op that points to it.  An op in flight keeps a page that was dropped, as it would
 * without a cache.  Who puts the last reference may be softirq or a notifier, and
 * unpinning may sleep, so it goes to a list that the next pinning or a work item
 * empties.  Softirq looks under RCU, so its memory goes after a grace period, but the
 * page need not wait for that: who found it has a reference.
 *
 * A cache serves one memory map, that of the first task that pins; others
 * that post to the port (after fork, say) pin for each op.  It is a table with one
 * place for each page, by the low bits of the page's number: a page that comes to an
 * occupied place drops the one there, which bounds the cache.
 *
 * Charge: each pin is charged to the port's user (RLIMIT_MEMLOCK) until it is
 * unpinned.  Before a charge fails, the pages that this user's ports keep without
 * an op are dropped.
 *
 * Locks: cache->lock is a leaf, taken in process context by posts and the notifier;
 * odg_pincaches_lock, of the list of all caches, is outside it.  cache->mutex is held
 * to open a cache, which may take as long as the program likes: no work item needs it.
 */
#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "main.h"
#include "pincache.h"

/* A program that makes no calls gets its pages back this late. */
#define ODG_REAP_DELAY (HZ / 10)

/* Pages a port keeps at most. */
#define ODG_PINCACHE_MAX 4096

static LIST_HEAD(odg_pincaches);
static DEFINE_SPINLOCK(odg_pincaches_lock);	/* of the list */

static unsigned long odg_own_limit(void)
{
	return rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

static bool odg_try_charge(struct user_struct *user, unsigned long pages,
			   unsigned long limit)
{
	long old = atomic_long_read(&user->locked_vm);

	do {
		if (pages > limit || old > limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + pages));
	return true;
}

/* May sleep. */
static void odg_unpin_list(struct llist_node *list, struct user_struct *user)
{
	struct odg_pin *pin, *next;

	llist_for_each_entry_safe(pin, next, list, dead) {
		/* somebody may have written to it, so it is dirty */
		unpin_user_pages_dirty_lock(&pin->page, 1, true);
		odg_uncharge_pages(user, 1);
		kfree_rcu(pin, rcu);
	}
}

/* Unpin what nobody has any more.  May sleep. */
void odg_pins_reap(struct odg_pincache *cache)
{
	odg_unpin_list(llist_del_all(&cache->dead), cache->user);
}
EXPORT_SYMBOL_IF_KUNIT(odg_pins_reap);

static void odg_pincache_work(struct work_struct *work)
{
	odg_pins_reap(container_of(to_delayed_work(work), struct odg_pincache,
				   reap_work));
}

/* Nobody has it any more.  Any context. */
void odg_pin_over(struct odg_pincache *cache, struct odg_pin *pin)
{
	if (llist_add(&pin->dead, &cache->dead))
		queue_delayed_work(odg_wq, &cache->reap_work, ODG_REAP_DELAY);
}
EXPORT_SYMBOL_IF_KUNIT(odg_pin_over);

/* Where a page stands, if it does. */
static struct odg_pin __rcu **odg_slot(struct odg_pincache *cache,
				       unsigned long vpn)
{
	return &cache->slots[vpn & cache->mask];
}

/* Which page stands there, or NULL.  The lock is held. */
static struct odg_pin *odg_slot_pin(struct odg_pincache *cache,
				    struct odg_pin __rcu **slot)
{
	return rcu_dereference_protected(*slot, lockdep_is_held(&cache->lock));
}

static void odg_slot_clear(struct odg_pincache *cache,
			   struct odg_pin __rcu **slot)
{
	struct odg_pin *pin = odg_slot_pin(cache, slot);

	RCU_INIT_POINTER(*slot, NULL);
	cache->kept--;
	odg_pin_put(cache, pin);
}

static void odg_tell_program(struct odg_pincache *cache)
{
	lockdep_assert_held(&cache->lock);

	if (cache->told)
		WRITE_ONCE(*cache->told, cache->changes + cache->evicted + 1);
}

/* A page has to go for another reason than a change. */
static void odg_slot_evict(struct odg_pincache *cache,
			   struct odg_pin __rcu **slot)
{
	odg_slot_clear(cache, slot);
	cache->evicted++;
	odg_tell_program(cache);
}

/**
 * odg_pins_drop - forget pages
 * @cache: where; its lock is held
 * @first: the lowest of them
 * @last: the highest
 */
void odg_pins_drop(struct odg_pincache *cache, unsigned long first,
		   unsigned long last)
{
	u32 i, nr;

	lockdep_assert_held(&cache->lock);

	if (!cache->kept)
		return;
	first = max(first, cache->first);
	last = min(last, cache->last);
	if (first > last)
		return;

	nr = min_t(unsigned long, last - first, cache->mask) + 1;
	for (i = 0; i < nr; i++) {
		struct odg_pin __rcu **slot = odg_slot(cache, first + i);
		struct odg_pin *pin = odg_slot_pin(cache, slot);

		if (pin && pin->vpn >= first && pin->vpn <= last)
			odg_slot_clear(cache, slot);
	}
}
EXPORT_SYMBOL_IF_KUNIT(odg_pins_drop);

/**
 * odg_pins_find - look pages up
 * @cache: where
 * @vpn: the first page
 * @nr: how many from there
 * @pieces: out: their pins, each with a reference for the caller
 *
 * Return: how many were found, from the front.
 */
int odg_pins_find(struct odg_pincache *cache, unsigned long vpn, int nr,
		  struct odg_piece *pieces)
{
	int i;

	spin_lock(&cache->lock);
	for (i = 0; i < nr; i++) {
		struct odg_pin *pin = odg_slot_pin(cache,
						   odg_slot(cache, vpn + i));

		if (!pin || pin->vpn != vpn + i)
			break;
		refcount_inc(&pin->ref);
		pieces[i].pin = pin;
	}
	spin_unlock(&cache->lock);
	return i;
}
EXPORT_SYMBOL_IF_KUNIT(odg_pins_find);

/* What odg_pins_keep() is to be given; nothing fits while a change is under way. */
static u64 odg_changes_now(struct odg_pincache *cache)
{
	u64 changes;

	spin_lock(&cache->lock);
	changes = cache->changes - !!cache->changing;
	spin_unlock(&cache->lock);
	return changes;
}

/**
 * odg_pins_keep - put pages into the cache
 * @cache: where, open
 * @pieces: with the pages, which the caller has
 * @nr: how many
 * @changes: the count of changes from before they were pinned
 */
void odg_pins_keep(struct odg_pincache *cache, struct odg_piece *pieces, int nr,
		   u64 changes)
{
	int i;

	spin_lock(&cache->lock);
	if (cache->changing || cache->changes != changes)
		nr = 0;
	for (i = 0; i < nr; i++) {
		struct odg_pin *pin = pieces[i].pin;
		struct odg_pin __rcu **slot = odg_slot(cache, pin->vpn);

		if (rcu_access_pointer(*slot))
			odg_slot_evict(cache, slot);
		refcount_inc(&pin->ref);
		rcu_assign_pointer(*slot, pin);
		if (!cache->kept) {
			cache->first = pin->vpn;
			cache->last = pin->vpn;
		}
		cache->kept++;
		cache->first = min(cache->first, pin->vpn);
		cache->last = max(cache->last, pin->vpn);
	}
	spin_unlock(&cache->lock);
}
EXPORT_SYMBOL_IF_KUNIT(odg_pins_keep);

/* The end counts, too: what was asked during the change may not be true after it. */
static void odg_count_change(struct odg_pincache *cache)
{
	lockdep_assert_held(&cache->lock);

	cache->changes++;
	odg_tell_program(cache);
}

static int odg_change_begins(struct mmu_notifier *notifier,
			     const struct mmu_notifier_range *range)
{
	struct odg_pincache *cache = container_of(notifier, struct odg_pincache,
						  notifier);

	spin_lock(&cache->lock);
	cache->changing++;
	odg_count_change(cache);
	odg_pins_drop(cache, range->start >> PAGE_SHIFT,
		      (range->end - 1) >> PAGE_SHIFT);
	spin_unlock(&cache->lock);
	return 0;
}

static void odg_change_ends(struct mmu_notifier *notifier,
			    const struct mmu_notifier_range *range)
{
	struct odg_pincache *cache = container_of(notifier, struct odg_pincache,
						  notifier);

	spin_lock(&cache->lock);
	cache->changing--;
	odg_count_change(cache);
	spin_unlock(&cache->lock);
}

static void odg_pins_drop_all(struct odg_pincache *cache)
{
	spin_lock(&cache->lock);
	odg_pins_drop(cache, 0, ULONG_MAX);
	spin_unlock(&cache->lock);
}

/* The last task of the memory map ends; nobody posts from there any more. */
static void odg_mm_ends(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	odg_pins_drop_all(container_of(notifier, struct odg_pincache, notifier));
}

static const struct mmu_notifier_ops odg_notifier_ops = {
	.invalidate_range_start = odg_change_begins,
	.invalidate_range_end = odg_change_ends,
	.release = odg_mm_ends,
};

/* If it cannot be opened now, pages are pinned for each op until it can. */
static void odg_pincache_open(struct odg_pincache *cache)
{
	struct mm_struct *mm = current->mm;

	mutex_lock(&cache->mutex);
	if (cache->mm || !mm)
		goto out;
	if (!cache->slots)
		cache->slots = kvcalloc(cache->mask + 1, sizeof(*cache->slots),
					GFP_KERNEL_ACCOUNT);
	if (!cache->slots)
		goto out;
	cache->notifier.ops = &odg_notifier_ops;
	if (mmu_notifier_register(&cache->notifier, mm))
		goto out;
	/* pairs with the acquire in odg_pincache_serves_us() */
	smp_store_release(&cache->mm, mm);
out:
	mutex_unlock(&cache->mutex);
}

/* Are the pages it keeps the calling task's? */
bool odg_pincache_serves_us(struct odg_pincache *cache)
{
	/* pairs with the release in odg_pincache_open() */
	struct mm_struct *mm = smp_load_acquire(&cache->mm);

	return mm && mm == current->mm;
}

/* Pages a user's ports keep that no op needs: he has better use for the charge. */
static void odg_unpin_unused(struct user_struct *user)
{
	struct llist_node *node, *next;
	struct odg_pincache *cache;
	LLIST_HEAD(unused);
	u32 i;

	spin_lock(&odg_pincaches_lock);
	list_for_each_entry(cache, &odg_pincaches, all) {
		if (cache->user != user)
			continue;
		spin_lock(&cache->lock);
		for (i = 0; cache->kept && i <= cache->mask; i++) {
			struct odg_pin __rcu **slot = &cache->slots[i];
			struct odg_pin *pin = odg_slot_pin(cache, slot);

			if (pin && refcount_read(&pin->ref) == 1)
				odg_slot_evict(cache, slot);
		}
		spin_unlock(&cache->lock);
		llist_for_each_safe(node, next, llist_del_all(&cache->dead))
			llist_add(node, &unused);
	}
	spin_unlock(&odg_pincaches_lock);
	odg_unpin_list(unused.first, user);
}

static int odg_charge_within(struct user_struct *user, unsigned long pages,
			     unsigned long limit)
{
	if (!user || odg_try_charge(user, pages, limit))
		return 0;
	odg_unpin_unused(user);
	return odg_try_charge(user, pages, limit) ? 0 : -ENOMEM;
}

/**
 * odg_charge_pages - charge locked memory to a user
 * @user: who pays, or NULL for one with CAP_IPC_LOCK
 * @pages: how much
 *
 * May sleep.
 *
 * Return: 0, or -ENOMEM if RLIMIT_MEMLOCK of the caller would be exceeded.
 */
int odg_charge_pages(struct user_struct *user, unsigned long pages)
{
	return odg_charge_within(user, pages, odg_own_limit());
}

void odg_uncharge_pages(struct user_struct *user, unsigned long pages)
{
	if (user)
		atomic_long_sub(pages, &user->locked_vm);
}

/*
 * Pages of cache->mm, for a work item: it neither waits for the map's lock nor for a
 * page to be read, which a program could make last for ever.
 */
static int odg_pin_remote(struct odg_pincache *cache, unsigned long vpn, int nr,
			  struct page **pages)
{
	int got = 0;

	if (!mmget_not_zero(cache->mm))
		return -EFAULT;
	if (mmap_read_trylock(cache->mm)) {
		got = odg_pin_pages_remote(cache->mm, vpn << PAGE_SHIFT, nr,
					   pages);
		mmap_read_unlock(cache->mm);
	}
	/* its end may take as long as the program likes, too */
	mmput_async(cache->mm);
	return got ? got : -EAGAIN;
}

/*
 * Pin and charge pages, at most ODG_PINS_MAX, of the calling task or, if @remote, of
 * cache->mm.  How many, from the front.
 */
static int odg_pins_make(struct odg_pincache *cache, unsigned long vpn, int nr,
			 struct odg_piece *pieces, bool remote)
{
	struct page *pages[ODG_PINS_MAX];
	int got, i, ret;

	ret = odg_charge_within(cache->user, nr,
				remote ? READ_ONCE(cache->limit) :
					 odg_own_limit());
	if (ret)
		return ret;
	if (remote)
		got = odg_pin_remote(cache, vpn, nr, pages);
	else
		got = odg_pin_pages(vpn << PAGE_SHIFT, nr, pages);
	for (i = 0; i < got; i++) {
		struct odg_pin *pin = kmalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);

		if (!pin)
			break;
		pin->page = pages[i];
		pin->vpn = vpn + i;
		refcount_set(&pin->ref, 1);
		pieces[i].pin = pin;
	}
	odg_uncharge_pages(cache->user, nr - i);
	if (i < got)
		unpin_user_pages(pages + i, got - i);
	if (i)
		return i;
	return got > 0 ? -ENOMEM : got ?: -EFAULT;
}

/* Make them, and keep them if that is wanted. */
static int odg_pins_add(struct odg_pincache *cache, unsigned long vpn, int nr,
			struct odg_piece *pieces, bool keep, bool remote)
{
	u64 changes;
	int made;

	if (!llist_empty(&cache->dead))
		odg_pins_reap(cache);
	changes = odg_changes_now(cache);
	made = odg_pins_make(cache, vpn, nr, pieces, remote);
	if (keep && made > 0)
		odg_pins_keep(cache, pieces, made, changes);
	return made;
}

/**
 * odg_pins_get - get pages of the calling task for an op
 * @cache: who looks after them
 * @vpn: the first page
 * @nr: how many from there, 1 .. ODG_PINS_MAX
 * @keep: they may be asked for again
 * @pieces: out: their pins, each to be given back with odg_pin_put()
 *
 * Return: how many were got, from the front, at least 1; or -EFAULT if the first
 * is not writable memory, or -ENOMEM.
 */
int odg_pins_get(struct odg_pincache *cache, unsigned long vpn, int nr,
		 bool keep, struct odg_piece *pieces)
{
	int found;

	if (odg_pincache_serves_us(cache)) {
		found = odg_pins_find(cache, vpn, nr, pieces);
		if (found)
			return found;
	} else if (keep && !READ_ONCE(cache->mm)) {
		odg_pincache_open(cache);
	}

	return odg_pins_add(cache, vpn, nr, pieces,
			    keep && odg_pincache_serves_us(cache), false);
}

/**
 * odg_pins_get_remote - get pages of the cache's memory map, for a work item
 * @cache: who looks after them, open
 * @vpn: the first page
 * @nr: how many from there, 1 .. ODG_PINS_MAX
 * @pieces: out: their pins, each to be given back with odg_pin_put()
 *
 * Return: how many were got, from the front, at least 1; -EAGAIN if that has to be
 * waited for; -EFAULT if the first is not writable memory; or -ENOMEM.
 */
int odg_pins_get_remote(struct odg_pincache *cache, unsigned long vpn, int nr,
			struct odg_piece *pieces)
{
	int found = odg_pins_find(cache, vpn, nr, pieces);

	return found ? found :
		       odg_pins_add(cache, vpn, nr, pieces, true, true);
}

/**
 * odg_pincache_init - make a cache, which keeps nothing yet
 * @cache: what to initialise
 * @user: who is charged, or NULL
 * @ops: most ops at a time of the port
 */
void odg_pincache_init(struct odg_pincache *cache, struct user_struct *user,
		       u32 ops)
{
	cache->user = user;
	/* a buffer may lie in two pages */
	cache->mask = min_t(u32, 2 * roundup_pow_of_two(ops),
			    ODG_PINCACHE_MAX) - 1;
	mutex_init(&cache->mutex);
	spin_lock_init(&cache->lock);
	cache->told = NULL;
	init_llist_head(&cache->dead);
	INIT_DELAYED_WORK(&cache->reap_work, odg_pincache_work);
	spin_lock(&odg_pincaches_lock);
	list_add(&cache->all, &odg_pincaches);
	spin_unlock(&odg_pincaches_lock);
}
EXPORT_SYMBOL_IF_KUNIT(odg_pincache_init);

/**
 * odg_pincache_watch - open the cache for the caller's memory map
 * @cache: of a port that is ready
 *
 * Return: whether it serves that one.
 */
bool odg_pincache_watch(struct odg_pincache *cache)
{
	odg_pincache_open(cache);
	return odg_pincache_serves_us(cache);
}

/**
 * odg_pincache_tell - show the program the count of changes
 * @cache: whose
 * @told: the count, from now on; it takes the place of the one before
 */
void odg_pincache_tell(struct odg_pincache *cache, u64 *told)
{
	spin_lock(&cache->lock);
	cache->told = told;
	odg_tell_program(cache);
	spin_unlock(&cache->lock);
}

/**
 * odg_pincache_own - let pages be named by address alone: those of the caller
 * @cache: of a port that is ready
 *
 * Return: 0, -EPERM if it serves another memory map, -ENOMEM if it cannot be opened.
 */
int odg_pincache_own(struct odg_pincache *cache)
{
	odg_pincache_open(cache);
	if (!odg_pincache_serves_us(cache))
		return cache->mm ? -EPERM : -ENOMEM;
	WRITE_ONCE(cache->limit, odg_own_limit());
	return 0;
}

/* No op has a page any more. */
void odg_pincache_destroy(struct odg_pincache *cache)
{
	spin_lock(&odg_pincaches_lock);
	list_del(&cache->all);
	spin_unlock(&odg_pincaches_lock);

	if (cache->mm)
		mmu_notifier_unregister(&cache->notifier, cache->mm);
	odg_pins_drop_all(cache);
	cancel_delayed_work_sync(&cache->reap_work);
	odg_pins_reap(cache);
	kvfree(cache->slots);
}
EXPORT_SYMBOL_IF_KUNIT(odg_pincache_destroy);
