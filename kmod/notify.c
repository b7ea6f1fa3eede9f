// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port's armed notification: an eventfd, signalled once each time the program
 * armed it and something came.
 *
 * The arming is a word in the completion queue; who submits looks at it under
 * port->lock (ring.h, barrier (I)) and comes here only if it was armed.
 *
 * Lifetime of the eventfd: exchanged under port->create_lock, read by completions,
 * which are RCU readers, and given back after a grace period.  No lock is held
 * while it is signalled.
 */
#include <linux/eventfd.h>
#include <linux/odgram.h>
#include <linux/rcupdate.h>

#include "compat.h"
#include "main.h"
#include "notify.h"
#include "op.h"
#include "port.h"

static void odg_notify_work(struct work_struct *work)
{
	struct odg_port *port = container_of(work, struct odg_port,
					     notify_work);
	struct eventfd_ctx *eventfd;

	rcu_read_lock();
	eventfd = rcu_dereference(port->notify);
	if (eventfd)
		odg_eventfd_signal(eventfd);
	rcu_read_unlock();
}

void odg_notify_init(struct odg_port *port)
{
	INIT_WORK(&port->notify_work, odg_notify_work);
}

/* Tell the program what it armed for.  Bottom halves are off. */
void odg_notify_signal(struct odg_port *port)
{
	struct eventfd_ctx *eventfd = rcu_dereference_bh(port->notify);

	if (eventfd && !odg_op_signal(eventfd))
		queue_work(odg_wq, &port->notify_work);
}

static void odg_notify_replace(struct odg_port *port, struct eventfd_ctx *eventfd)
{
	struct eventfd_ctx *old;

	odg_port_share(port);
	mutex_lock(&port->create_lock);
	old = rcu_replace_pointer(port->notify, eventfd,
				  lockdep_is_held(&port->create_lock));
	spin_lock_bh(&port->lock);
	if (eventfd)
		port->tell |= ODG_TELL_NOTIFY;
	else
		port->tell &= ~ODG_TELL_NOTIFY;
	spin_unlock_bh(&port->lock);
	mutex_unlock(&port->create_lock);
	if (old) {
		synchronize_rcu();
		eventfd_ctx_put(old);
	}
}

int odg_notify_set(struct odg_port *port, const struct odg_notify *arg)
{
	struct eventfd_ctx *eventfd = NULL;

	if (arg->eventfd < -1)
		return -EINVAL;
	if (!odg_port_ready(port))
		return -ENXIO;
	if (arg->eventfd >= 0) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	odg_notify_replace(port, eventfd);
	return 0;
}

/* The port is going, and no completion runs any more. */
void odg_notify_close(struct odg_port *port)
{
	cancel_work_sync(&port->notify_work);
	odg_notify_replace(port, NULL);
}
