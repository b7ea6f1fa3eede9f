/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_REGION_H
#define ODG_REGION_H

#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "port.h"

struct page;
struct odg_region_add;
struct odg_region_del;

/**
 * struct odg_region - one piece of registered memory
 * @start: where the kernel has mapped it
 * @len: its bytes
 * @pages: its pages, pinned
 * @nr: how many
 */
struct odg_region {
	void *start;
	u32 len;
	struct page **pages;
	unsigned long nr;
};

/**
 * struct odg_regions - the regions of a port by id
 * @nr: places in it
 * @by_id: them, or NULL; written under port->create_lock
 */
struct odg_regions {
	u32 nr;
	struct odg_region __rcu *by_id[];
};

void odg_regions_init(struct odg_port *port);
int odg_region_add(struct odg_port *port, struct odg_region_add *arg);
int odg_region_del(struct odg_port *port, const struct odg_region_del *arg);
void odg_region_del_all(struct odg_port *port);

/**
 * odg_region_find - the region a piece of memory is in
 * @port: whose region
 * @id: which
 * @offset: where in it
 * @len: how much
 *
 * Return: the region, good until bottom halves are on again; NULL if there is no
 * such memory.
 */
static __always_inline const struct odg_region *
odg_region_find(struct odg_port *port, u32 id, u64 offset, u64 len)
{
	const struct odg_regions *regions = rcu_dereference_bh(port->regions);
	const struct odg_region *region;
	u64 end;

	if (unlikely(id >= regions->nr))
		return NULL;
	region = rcu_dereference_bh(regions->by_id[id]);
	if (unlikely(!region || check_add_overflow(offset, len, &end) ||
		     end > region->len))
		return NULL;
	return region;
}

/* The memory itself. */
static inline void *odg_region_addr(struct odg_port *port, u32 id, u64 offset,
				    u32 len)
{
	const struct odg_region *region = odg_region_find(port, id, offset, len);

	return region ? region->start + offset : NULL;
}

#endif /* ODG_REGION_H */
