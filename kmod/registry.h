/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_REGISTRY_H
#define ODG_REGISTRY_H

#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "stats.h"

struct net;
struct odg_binding;
struct odg_port;

/**
 * struct odg_table - objects of one kind
 * @all: by number
 * @next: where the search for a free number begins; @all's lock
 * @changes: counts joins and leaves
 */
struct odg_table {
	struct xarray all;
	u32 next;
	atomic_t changes;
};

/**
 * struct odg_net - what the module has for a network namespace
 * @bindings: all of its sockets; registry.c
 * @ports: all that were opened in it; registry.c
 * @gone_lock: protects @gone
 * @gone: sums of bindings that are gone; stats.c
 * @died_limit: of ODG_EVENT_PORT_DIED; event.c
 */
struct odg_net {
	struct odg_table bindings;
	struct odg_table ports;
	spinlock_t gone_lock;		/* of the next */
	struct odg_totals gone;
	struct ratelimit_state died_limit;
};

struct odg_net *odg_net(const struct net *net);

int odg_registry_init(void);
void odg_registry_exit(void);

int odg_registry_reserve(struct odg_binding *binding);
void odg_registry_publish(struct odg_binding *binding);
void odg_registry_forget(struct odg_binding *binding);
struct odg_binding *odg_registry_next_binding(struct net *net,
					      unsigned long *from);
unsigned int odg_registry_binding_changes(struct net *net);

int odg_registry_add_port(struct odg_port *port);
void odg_registry_del_port(struct odg_port *port);
struct odg_port *odg_registry_next_port(struct net *net, unsigned long *from);
unsigned int odg_registry_port_changes(struct net *net);

#endif /* ODG_REGISTRY_H */
