// SPDX-License-Identifier: MIT
/*
 * The port that watches (ODG_CQ_WATCH): the kernel counts in its mapping changes of
 * the process's memory, and ICMP errors that wait in the sockets bound through it.
 *
 * It is open until the process ends, so who reads a count takes no lock.  A child
 * after fork(2) has none: its memory is another, and its sockets are the parent's.
 */
#include "internal.h"
#include "port.h"

static _Atomic(struct odg_port *) watch;
static const uint64_t unknown = ODGW_UNKNOWN;
_Atomic(const uint64_t *) odgw_changes_at = &unknown;
_Atomic(const uint64_t *) odgw_errors_at = &unknown;

void odgw_watch_start(void)
{
	struct odg_port *port, *none = NULL;

	if (atomic_load(&watch) || odg_port_open(&port, 1, ODG_CQ_WATCH))
		return;
	if (!atomic_compare_exchange_strong(&watch, &none, port)) {
		odg_port_close(port);
		return;
	}
	atomic_store(&odgw_changes_at, odgn_port_changes(port));
	atomic_store(&odgw_errors_at, odgn_port_errors(port));
}

struct odg_port *odgw_watch_port(void)
{
	return atomic_load(&watch);
}

void odgw_watch_forked(void)
{
	atomic_store(&odgw_changes_at, &unknown);
	atomic_store(&odgw_errors_at, &unknown);
	odg_port_close(atomic_exchange(&watch, NULL));
}
