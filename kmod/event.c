// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events for the multicast group: what somebody who watches wants to know at once.
 *
 * They are noticed in softirq and with locks held, where no message can be sent:
 * there a bit is set, and the binding put on a list with a reference.  A work item
 * says it.  Nothing is noted while nobody listens, and each kind at most once a
 * second for a socket.
 */
#include <linux/jiffies.h>
#include <linux/odgram_netlink.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "binding.h"
#include "compat.h"
#include "event.h"
#include "genl.h"
#include "main.h"
#include "port.h"
#include "registry.h"
#include "stats.h"

static void odg_event_work(struct work_struct *work);

static LLIST_HEAD(odg_event_list);
static DECLARE_WORK(odg_event_worker, odg_event_work);

void odg_events_init(struct odg_binding *binding)
{
	struct odg_events *events = &binding->events;
	int i;

	events->drops = binding->drops_start;
	for (i = 0; i < ARRAY_SIZE(events->not_before); i++)
		events->not_before[i] = jiffies;
}

/*
 * Any context but hard interrupts; the socket is there.  False if it is too early
 * for another one.
 */
static bool odg_event_note(struct odg_binding *binding,
			   enum odg_genl_event what)
{
	struct odg_events *events = &binding->events;
	unsigned long *not_before = &events->not_before[what - 1];

	if (!genl_has_listeners(&odg_genl_family, sock_net(binding->sk),
				ODG_GENL_EVENTS_GROUP))
		return true;
	if (time_before(jiffies, READ_ONCE(*not_before)))
		return false;
	WRITE_ONCE(*not_before, jiffies + HZ);

	/* with any bit set it is on the list, or the work is about to look */
	if (atomic_fetch_or(BIT(what), &events->what) ||
	    !refcount_inc_not_zero(&binding->ref))
		return true;
	llist_add(&events->node, &odg_event_list);
	queue_work(odg_wq, &odg_event_worker);
	return true;
}

void odg_event_starved(struct odg_binding *binding)
{
	odg_event_note(binding, ODG_EVENT_STARVED);
}

void odg_event_dropped(struct odg_binding *binding, u32 drops)
{
	if (odg_event_note(binding, ODG_EVENT_DROP))
		WRITE_ONCE(binding->events.drops, drops);
}

static struct sk_buff *odg_event_new(enum odg_genl_event what, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put(skb, 0, 0, &odg_genl_family, 0, ODG_CMD_EVENT);
	if (!*hdr || nla_put_u32(skb, ODG_A_EVENT, what)) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

static int odg_event_put_uid(struct sk_buff *skb, const struct net *net,
			     kuid_t uid)
{
	return nla_put_u32(skb, ODG_A_UID, from_kuid_munged(net->user_ns, uid));
}

/* The socket may be gone: then nobody needs to be told.  Lock held. */
static struct net *odg_event_fill(struct sk_buff *skb,
				  struct odg_binding *binding,
				  enum odg_genl_event what)
{
	struct net *net = sock_net(binding->sk);
	u64 dropped = odg_event_drops(binding) - binding->drops_start;

	if (odg_genl_put_socket(skb, binding) ||
	    odg_event_put_uid(skb, net, READ_ONCE(binding->sk->sk_uid)))
		return NULL;
	if (what == ODG_EVENT_DROP &&
	    nla_put_u64_64bit(skb, ODG_A_DROPPED, dropped, ODG_A_PAD))
		return NULL;
	return maybe_get_net(net);
}

static void odg_event_tell(struct odg_binding *binding,
			   enum odg_genl_event what)
{
	struct net *net = NULL;
	struct sk_buff *skb;
	void *hdr;

	skb = odg_event_new(what, &hdr);
	if (!skb)
		return;
	spin_lock_bh(&binding->lock);
	if (!binding->dead)
		net = odg_event_fill(skb, binding, what);
	spin_unlock_bh(&binding->lock);
	if (!net) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&odg_genl_family, net, skb, 0,
				ODG_GENL_EVENTS_GROUP, GFP_KERNEL);
	put_net(net);
}

static void odg_event_work(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&odg_event_list);
	struct odg_binding *binding, *next;

	llist_for_each_entry_safe(binding, next, list, events.node) {
		/* from here on it may be put on the list again */
		int what = atomic_xchg(&binding->events.what, 0);

		if (what & BIT(ODG_EVENT_STARVED))
			odg_event_tell(binding, ODG_EVENT_STARVED);
		if (what & BIT(ODG_EVENT_DROP))
			odg_event_tell(binding, ODG_EVENT_DROP);
		odg_binding_put(binding);
		cond_resched();
	}
}

/* The port is being closed, by its last user, who may sleep. */
void odg_event_port_died(const struct odg_port *port, u32 outstanding)
{
	struct sk_buff *skb;
	void *hdr;

	if (!genl_has_listeners(&odg_genl_family, port->net,
				ODG_GENL_EVENTS_GROUP) ||
	    !__ratelimit(&odg_net(port->net)->died_limit))
		return;
	skb = odg_event_new(ODG_EVENT_PORT_DIED, &hdr);
	if (!skb)
		return;
	if (nla_put_u32(skb, ODG_A_ID, port->id) ||
	    nla_put_u32(skb, ODG_A_PID, pid_nr_ns(port->owner, ns_of_pid(port->owner))) ||
	    odg_event_put_uid(skb, port->net, port->uid) ||
	    nla_put_u32(skb, ODG_A_OUTSTANDING, outstanding)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&odg_genl_family, port->net, skb, 0,
				ODG_GENL_EVENTS_GROUP, GFP_KERNEL);
}
