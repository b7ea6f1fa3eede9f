// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry: all bindings and all ports of a network namespace, by number.
 *
 * For whoever needs them all: a dump, a device that goes away.  A number stays
 * with its object for life and is not used again before two thousand million
 * others were, so a walk that remembers the number it came to can go on later: it
 * meets each object that was there all the time exactly once, and none twice.
 *
 * A binding belongs to the namespace of its socket, a port to that of the task
 * that opened it, and, as a socket does, the port keeps its namespace alive.  So a
 * namespace that ends has neither.
 *
 * Lifetime: the registry holds no references.
 *
 *   binding  joins once its hooks are set, leaves before the socket's reference
 *            goes; the walk takes a reference of its own
 *   port     joins when it is opened, leaves first thing when it is closed; the
 *            walk must stay in its RCU section, since the memory goes after a
 *            grace period
 *
 * A binding a walk has found may lose its socket at any time.  binding->sk is good
 * under binding->lock while binding->dead is false, and not otherwise.
 *
 * Locks: the lock of each table is innermost and held for an insert or an erase.
 * With bottom halves off, since sk_destruct may run in softirq.  Walks take none.
 */
#include <linux/rcupdate.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "binding.h"
#include "port.h"
#include "registry.h"

static unsigned int odg_net_id;

struct odg_net *odg_net(const struct net *net)
{
	return net_generic(net, odg_net_id);
}

static int odg_table_add(struct odg_table *table, u32 *id, void *object)
{
	int ret = xa_alloc_cyclic_bh(&table->all, id, object,
				     XA_LIMIT(1, INT_MAX), &table->next,
				     GFP_KERNEL_ACCOUNT);

	/* 1: the numbers begin anew */
	return ret < 0 ? ret : 0;
}

/**
 * odg_registry_reserve - a number for a binding that may come to nothing
 * @binding: nobody knows it yet
 *
 * Return: 0, and odg_registry_publish() or odg_registry_forget() has to follow;
 * -ENOMEM.
 */
int odg_registry_reserve(struct odg_binding *binding)
{
	struct odg_net *on = odg_net(sock_net(binding->sk));

	return odg_table_add(&on->bindings, &binding->id, NULL);
}

/* The binding serves its socket: walks find it. */
void odg_registry_publish(struct odg_binding *binding)
{
	struct odg_net *on = odg_net(sock_net(binding->sk));

	/* cannot fail: its place was made by odg_registry_reserve() */
	xa_store_bh(&on->bindings.all, binding->id, binding, GFP_ATOMIC);
	atomic_inc(&on->bindings.changes);
}

/* Of a published binding, too.  Its socket is still there.  Any softirq. */
void odg_registry_forget(struct odg_binding *binding)
{
	struct odg_net *on = odg_net(sock_net(binding->sk));

	xa_erase_bh(&on->bindings.all, binding->id);
	atomic_inc(&on->bindings.changes);
}

/**
 * odg_registry_next_binding - one step of a walk
 * @net: whose bindings
 * @from: the least number to find, 0 to begin; moved on behind what was found
 *
 * Return: a binding with a reference for the caller, who may sleep; NULL at the end.
 */
struct odg_binding *odg_registry_next_binding(struct net *net,
					      unsigned long *from)
{
	struct odg_table *table = &odg_net(net)->bindings;
	struct odg_binding *binding;

	rcu_read_lock();
	do {
		binding = xa_find(&table->all, from, INT_MAX, XA_PRESENT);
		if (!binding)
			break;
		++*from;
	} while (!refcount_inc_not_zero(&binding->ref));
	rcu_read_unlock();
	return binding;
}

/* Differs if a binding of the namespace came or went in between. */
unsigned int odg_registry_binding_changes(struct net *net)
{
	return atomic_read(&odg_net(net)->bindings.changes);
}

/* port->net is set.  0 or -ENOMEM. */
int odg_registry_add_port(struct odg_port *port)
{
	struct odg_table *table = &odg_net(port->net)->ports;
	int ret = odg_table_add(table, &port->id, port);

	if (!ret)
		atomic_inc(&table->changes);
	return ret;
}

void odg_registry_del_port(struct odg_port *port)
{
	struct odg_table *table = &odg_net(port->net)->ports;

	xa_erase_bh(&table->all, port->id);
	atomic_inc(&table->changes);
}

/**
 * odg_registry_next_port - one step of a walk
 * @net: whose ports
 * @from: the least number to find, 0 to begin; moved on behind what was found
 *
 * Return: a port, good until rcu_read_unlock(); NULL at the end.
 */
struct odg_port *odg_registry_next_port(struct net *net, unsigned long *from)
{
	struct odg_table *table = &odg_net(net)->ports;
	struct odg_port *port;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "the port may go");

	port = xa_find(&table->all, from, INT_MAX, XA_PRESENT);
	if (port)
		++*from;
	return port;
}

/* Differs if a port of the namespace came or went in between. */
unsigned int odg_registry_port_changes(struct net *net)
{
	return atomic_read(&odg_net(net)->ports.changes);
}

static void odg_table_init(struct odg_table *table)
{
	xa_init_flags(&table->all, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH);
	/* for a netlink dump 0 means that nobody counts */
	atomic_set(&table->changes, 1);
}

static int __net_init odg_net_init(struct net *net)
{
	struct odg_net *on = odg_net(net);

	odg_table_init(&on->bindings);
	odg_table_init(&on->ports);
	spin_lock_init(&on->gone_lock);
	ratelimit_state_init(&on->died_limit, 5 * HZ, 50);
	/* or it would say in the log how many were left out */
	ratelimit_set_flags(&on->died_limit, RATELIMIT_MSG_ON_RELEASE);
	return 0;
}

static void __net_exit odg_net_exit(struct net *net)
{
	WARN_ON_ONCE(!xa_empty(&odg_net(net)->bindings.all));
	WARN_ON_ONCE(!xa_empty(&odg_net(net)->ports.all));
}

static struct pernet_operations odg_net_ops = {
	.init = odg_net_init,
	.exit = odg_net_exit,
	.id = &odg_net_id,
	.size = sizeof(struct odg_net),
};

int odg_registry_init(void)
{
	return register_pernet_subsys(&odg_net_ops);
}

void odg_registry_exit(void)
{
	unregister_pernet_subsys(&odg_net_ops);
}
