// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module entry and exit: the rooms in the order they open.
 *
 * The module cannot go while a port is open (the file holds it) or a socket is
 * bound (binding.c holds it), so exit finds nothing alive but RCU callbacks.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "genl.h"
#include "main.h"
#include "netdev.h"
#include "registry.h"

struct workqueue_struct *odg_wq;

static int __init odg_init(void)
{
	int ret;

	odg_wq = alloc_workqueue("odgram", WQ_UNBOUND, 0);
	if (!odg_wq)
		return -ENOMEM;

	ret = odg_registry_init();
	if (ret)
		goto err_wq;
	ret = odg_netdev_init();
	if (ret)
		goto err_registry;
	ret = odg_genl_init();
	if (ret)
		goto err_netdev;
	ret = odg_chardev_init();
	if (ret)
		goto err_genl;
	return 0;

err_genl:
	odg_genl_exit();
err_netdev:
	odg_netdev_exit();
err_registry:
	odg_registry_exit();
err_wq:
	destroy_workqueue(odg_wq);
	return ret;
}

static void __exit odg_exit(void)
{
	odg_chardev_exit();
	odg_genl_exit();
	odg_netdev_exit();
	odg_registry_exit();
	destroy_workqueue(odg_wq);
	/* bindings and ports are freed by RCU callbacks of ours */
	rcu_barrier();
}

module_init(odg_init);
module_exit(odg_exit);

MODULE_DESCRIPTION("Overlapped datagram sockets");
MODULE_AUTHOR("The odgram authors");
MODULE_LICENSE("GPL");
