// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered memory: pinned once, mapped once, charged once.
 *
 * A region belongs to its port and is found by its index there.  The softirq reads
 * the table under RCU; the calls that change it take port->create_lock.  A region
 * leaves the table first and is freed after a grace period, so that no copy runs
 * into memory that was given back.
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
#include "port.h"
#include "region.h"

static int odg_region_pin(struct odg_region *region, unsigned long addr)
{
	unsigned long done = 0;

	while (done < region->nr) {
		int want = min_t(unsigned long, region->nr - done, 1024);
		int got = pin_user_pages_fast(addr + (done << PAGE_SHIFT), want,
					      FOLL_WRITE | FOLL_LONGTERM,
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

static int odg_region_install(struct odg_port *port, struct odg_region *region)
{
	int i;

	lockdep_assert_held(&port->create_lock);

	for (i = 0; i < ODG_MAX_REGIONS; i++) {
		if (rcu_access_pointer(port->regions[i]))
			continue;
		rcu_assign_pointer(port->regions[i], region);
		return i;
	}
	return -ENOSPC;
}

int odg_region_add(struct odg_port *port, struct odg_region_add *arg)
{
	struct odg_region *region;
	int id;

	if (!arg->len || arg->len > INT_MAX)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)arg->addr, arg->len))
		return -EFAULT;

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

int odg_region_del(struct odg_port *port, const struct odg_region_del *arg)
{
	struct odg_region *region;

	if (arg->id >= ODG_MAX_REGIONS)
		return -ENOENT;

	mutex_lock(&port->create_lock);
	region = rcu_replace_pointer(port->regions[arg->id], NULL,
				     lockdep_is_held(&port->create_lock));
	mutex_unlock(&port->create_lock);
	if (!region)
		return -ENOENT;
	synchronize_rcu();
	odg_region_free(region, port->user);
	return 0;
}

/* Pages of all registered memory of a port.  RCU. */
unsigned long odg_region_pages(const struct odg_port *port)
{
	unsigned long pages = 0;
	int i;

	for (i = 0; i < ODG_MAX_REGIONS; i++) {
		const struct odg_region *region;

		region = rcu_dereference(port->regions[i]);
		if (region)
			pages += region->nr;
	}
	return pages;
}

/* The port is going, and no completion runs any more. */
void odg_region_del_all(struct odg_port *port)
{
	int i;

	for (i = 0; i < ODG_MAX_REGIONS; i++) {
		struct odg_region *region;

		region = rcu_dereference_protected(port->regions[i], true);
		if (region)
			odg_region_free(region, port->user);
	}
}
