/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_EVENT_H
#define ODG_EVENT_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/odgram_netlink.h>
#include <linux/types.h>

struct odg_binding;
struct odg_port;

/**
 * struct odg_events - what has happened to a socket and was not told yet
 * @what: bit for each enum odg_genl_event
 * @not_before: jiffies, when the next one of the kind may be noted
 * @drops: what the socket had dropped when the last ODG_EVENT_DROP was noted
 * @node: among those the work will tell of, while @what is not 0
 */
struct odg_events {
	atomic_t what;
	unsigned long not_before[2];
	u32 drops;
	struct llist_node node;
};

void odg_events_init(struct odg_binding *binding);
void odg_event_starved(struct odg_binding *binding);
void odg_event_dropped(struct odg_binding *binding, u32 drops);
void odg_event_port_died(const struct odg_port *port, u32 outstanding);

#endif /* ODG_EVENT_H */
