// SPDX-License-Identifier: MIT
/*
 * fork(): the child keeps events, sockets, completion ports and the count of
 * WSAStartup(), and starts without kernel ports and ops.  Those pending stay the
 * parent's.  What threads sleep on it makes anew, or a wake-up would reach either.
 *
 * Every lock is taken before the fork, outermost first, so the child finds all
 * of them free and what they protect whole.  That is so from the start: events,
 * threads and completion ports need no WSAStartup().
 */
#include "iocp.h"

static atomic_bool fork_child;		/* of a process with ports of its own */

bool odgw_is_fork_child(void)
{
	return atomic_load_explicit(&fork_child, memory_order_relaxed);
}

static void before(void)
{
	odgw_startup_lock();
	odgw_rio_lock();
	odgw_thread_lock();
	odgw_queues_lock();
	odgw_waiters_lock();
	odgw_assoc_lock();
	odgw_ready_lock();
	odgw_entry_lock();
	odgw_leaf_lock();
	odgw_netevents_lock();
	odgw_change_lock();
	odgw_handle_lock();
	odgw_event_lock();
}

static void after(void)
{
	odgw_event_unlock();
	odgw_handle_unlock();
	odgw_change_unlock();
	odgw_netevents_unlock();
	odgw_leaf_unlock();
	odgw_entry_unlock();
	odgw_ready_unlock();
	odgw_assoc_unlock();
	odgw_waiters_unlock();
	odgw_queues_unlock();
	odgw_thread_unlock();
	odgw_rio_unlock();
	odgw_startup_unlock();
}

static void in_child(void)
{
	odgw_watch_forked();
	odgw_handle_forked();
	odgw_assoc_forked();
	odgw_netevents_forked();
	odgw_change_forked();
	odgw_ready_forked();
	if (odgw_queues_forked())
		atomic_store_explicit(&fork_child, true, memory_order_relaxed);
	odgw_waiters_forked();
	odgw_thread_forked();
	after();
	/* What it closes and frees is the child's copy. */
	odgw_rio_shutdown();
}

static void __attribute__((constructor)) watch(void)
{
	pthread_atfork(before, after, in_child);
}
