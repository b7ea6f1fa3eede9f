// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network device goes down: receives on sockets that are bound to it
 * (SO_BINDTODEVICE) end with -ENETDOWN, all that are posted at that moment.  What is
 * posted later waits for the device to come back.
 *
 * The notifier runs under the RTNL, in process context, and finds the sockets
 * through the registry.
 */
#include <linux/netdevice.h>
#include <linux/odgram.h>

#include "binding.h"
#include "netdev.h"
#include "recv.h"
#include "registry.h"

static void odg_device_down(struct odg_binding *binding, int ifindex)
{
	u32 left, batch = 0;

	spin_lock_bh(&binding->lock);
	/* a dead binding has nothing posted, and perhaps no sk */
	if (!binding->dead &&
	    READ_ONCE(binding->sk->sk_bound_dev_if) == ifindex) {
		/* counted before: a program may post as fast as we end them */
		left = odg_count_posted(binding);
		while (left--) {
			struct odg_cqe_wide cqe = {
				.cqe.status = -ENETDOWN,
				.cqe.ifindex = ifindex,
			};

			if (!odg_end_oldest(binding, &cqe))
				break;
			if (++batch % 64 == 0) {
				/* let softirqs in */
				spin_unlock_bh(&binding->lock);
				spin_lock_bh(&binding->lock);
			}
		}
	}
	spin_unlock_bh(&binding->lock);
}

static int odg_netdev_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct odg_binding *binding;
	unsigned long from = 0;

	if (event != NETDEV_DOWN)
		return NOTIFY_DONE;
	while ((binding = odg_registry_next_binding(dev_net(dev), &from))) {
		odg_device_down(binding, dev->ifindex);
		odg_binding_put(binding);
		cond_resched();
	}
	return NOTIFY_DONE;
}

static struct notifier_block odg_netdev_notifier = {
	.notifier_call = odg_netdev_event,
};

int odg_netdev_init(void)
{
	return register_netdevice_notifier(&odg_netdev_notifier);
}

void odg_netdev_exit(void)
{
	unregister_netdevice_notifier(&odg_netdev_notifier);
}
