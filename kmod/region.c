// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered memory: pinned once, mapped once, charged once.
 *
 * A region belongs to its port and is found by its index there.  The softirq reads
 * the table under RCU; the calls that change it take port->create_lock.  A table that
 * is full is replaced by a larger one, and freed after a grace period.  A region
 * leaves the table first and is freed after a grace period, too, so that no copy runs
 * into memory that was given back: who found it in a table that was replaced meanwhile
 * began before it left.
 *
 * The kernel's mapping is contiguous, whatever pages are behind it: a datagram is
 * one memcpy into it.
 */
#include <linux/mm.h>
#include <linux/odgram.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "buf.h"
#include "compat.h"
#include "port.h"
#include "region.h"

/* Never written: a table to begin with, so that the softirq always finds one. */
static struct odg_regions odg_no_regions;

void odg_regions_init(struct odg_port *port)
{
	ida_init(&port->region_ids);
	RCU_INIT_POINTER(port->regions, &odg_no_regions);
}

static int odg_region_pin(struct odg_region *region, unsigned long addr)
{
	unsigned long done = 0;

	while (done < region->nr) {
		int want = min_t(unsigned long, region->nr - done, 1024);
		int got = odg_pin_pages(addr + (done << PAGE_SHIFT), want,
					region->pages + done);

		if (got > 0)
			done += got;
		if (got < want) {
			unpin_user_pages(region->pages, done);
			return got < 0 ? got : -EFAULT;
		}
		if (fatal_signal_pending(current)) {
			unpin_user_pages(region->pages, done);
			return -EINTR;
		}
	}
	return 0;
}

static void odg_region_free(struct odg_region *region, struct user_struct *user)
{
	vunmap((void *)((unsigned long)region->start & PAGE_MASK));
	unpin_user_pages_dirty_lock(region->pages, region->nr, true);
	odg_uncharge_pages(user, region->nr);
	kvfree(region->pages);
	kfree(region);
}

static struct odg_region *odg_region_create(struct user_struct *user, u64 addr,
					    u64 len)
{
	struct odg_region *region;
	int ret;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return ERR_PTR(-ENOMEM);

	region->len = len;
	region->nr = DIV_ROUND_UP(offset_in_page(addr) + len, PAGE_SIZE);

	ret = odg_charge_pages(user, region->nr);
	if (ret)
		goto err_free;
	ret = -ENOMEM;
	region->pages = kvmalloc_array(region->nr, sizeof(*region->pages),
				       GFP_KERNEL_ACCOUNT);
	if (!region->pages)
		goto err_uncharge;
	ret = odg_region_pin(region, addr & PAGE_MASK);
	if (ret)
		goto err_pages;
	ret = -ENOMEM;
	region->start = vmap(region->pages, region->nr, VM_MAP, PAGE_KERNEL);
	if (!region->start)
		goto err_unpin;
	region->start += offset_in_page(addr);
	return region;

err_unpin:
	unpin_user_pages(region->pages, region->nr);
err_pages:
	kvfree(region->pages);
err_uncharge:
	odg_uncharge_pages(user, region->nr);
err_free:
	kfree(region);
	return ERR_PTR(ret);
}

static void odg_region_describe(const struct odg_region *region,
				struct odg_region_add *arg)
{
	unsigned long i;

	arg->node = page_to_nid(region->pages[0]);
	arg->page_shift = 63;
	for (i = 0; i < region->nr; i++) {
		struct page *page = region->pages[i];
		u32 shift = PAGE_SHIFT + compound_order(compound_head(page));

		arg->page_shift = min(arg->page_shift, shift);
		if (page_to_nid(page) != arg->node)
			arg->node = NUMA_NO_NODE;
	}
}

static struct odg_regions *odg_regions(const struct odg_port *port)
{
	return rcu_dereference_protected(port->regions,
					 lockdep_is_held(&port->create_lock));
}

/* Tables are at least so large. */
#define ODG_REGIONS_MIN 16

/* Make the table large enough for @id. */
static int odg_regions_grow(struct odg_port *port, u32 id)
{
	struct odg_regions *old = odg_regions(port), *new;
	u32 nr = max_t(u32, roundup_pow_of_two(id + 1), ODG_REGIONS_MIN);

	if (id < old->nr)
		return 0;
	new = kvzalloc(struct_size(new, by_id, nr), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->nr = nr;
	memcpy(new->by_id, old->by_id, old->nr * sizeof(*new->by_id));
	rcu_assign_pointer(port->regions, new);
	if (old != &odg_no_regions) {
		synchronize_rcu();
		kvfree(old);
	}
	return 0;
}

static int odg_region_install(struct odg_port *port, struct odg_region *region)
{
	int id, ret;

	lockdep_assert_held(&port->create_lock);

	id = ida_alloc_max(&port->region_ids, ODG_MAX_REGIONS - 1,
			   GFP_KERNEL_ACCOUNT);
	if (id < 0)
		return id;
	ret = odg_regions_grow(port, id);
	if (ret) {
		ida_free(&port->region_ids, id);
		return ret;
	}
	rcu_assign_pointer(odg_regions(port)->by_id[id], region);
	WRITE_ONCE(port->region_pages, port->region_pages + region->nr);
	return id;
}

int odg_region_add(struct odg_port *port, struct odg_region_add *arg)
{
	struct odg_region *region;
	int id;

	if (!arg->len || arg->len > INT_MAX)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)arg->addr, arg->len))
		return -EFAULT;
	if (!odg_port_ready(port))
		return -ENXIO;

	region = odg_region_create(port->user, arg->addr, arg->len);
	if (IS_ERR(region))
		return PTR_ERR(region);
	odg_region_describe(region, arg);

	mutex_lock(&port->create_lock);
	id = odg_region_install(port, region);
	mutex_unlock(&port->create_lock);
	if (id < 0) {
		odg_region_free(region, port->user);
		return id;
	}
	arg->id = id;
	return 0;
}

/* Out of the table; NULL if there is no such region. */
static struct odg_region *odg_region_remove(struct odg_port *port, u32 id)
{
	struct odg_regions *regions = odg_regions(port);
	struct odg_region *region;

	if (id >= regions->nr)
		return NULL;
	region = rcu_replace_pointer(regions->by_id[id], NULL,
				     lockdep_is_held(&port->create_lock));
	if (!region)
		return NULL;
	ida_free(&port->region_ids, id);
	WRITE_ONCE(port->region_pages, port->region_pages - region->nr);
	return region;
}

int odg_region_del(struct odg_port *port, const struct odg_region_del *arg)
{
	struct odg_region *region;

	mutex_lock(&port->create_lock);
	region = odg_region_remove(port, arg->id);
	mutex_unlock(&port->create_lock);
	if (!region)
		return -ENOENT;
	synchronize_rcu();
	odg_region_free(region, port->user);
	return 0;
}

/* The port is going, and no completion runs any more. */
void odg_region_del_all(struct odg_port *port)
{
	struct odg_regions *regions = rcu_dereference_protected(port->regions,
								true);
	u32 i;

	for (i = 0; i < regions->nr; i++) {
		struct odg_region *region;

		region = rcu_dereference_protected(regions->by_id[i], true);
		if (region)
			odg_region_free(region, port->user);
		cond_resched();
	}
	if (regions != &odg_no_regions)
		kvfree(regions);
	ida_destroy(&port->region_ids);
}
