// SPDX-License-Identifier: MIT
/*
 * What a datagram costs that nobody receives: dropped by odgram where it would be
 * delivered, and by a socket filter, which needs no module.
 */
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include "rx_odgram.h"

static struct odg_port *port;

static void discard_open(int fd)
{
	ODG_MUST(odg_port_open(&port, 1, 0));
	ODG_MUST(odg_bind(port, fd, ODG_BIND_DISCARD));
}

static uint64_t discard_dropped(int fd)
{
	struct odg_sock_stats stats;

	ODG_MUST(odg_sock_read_stats(port, fd, &stats));
	if (stats.arrived != stats.discarded)
		die("odgram: arrived and discarded differ");
	return stats.discarded;
}

static void discard_close(void)
{
	odg_port_close(port);
}

static void filter_open(int fd)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &refuse };

	MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static uint64_t filter_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len));
	return info[SK_MEMINFO_DROPS];
}

const struct receiver floor_receivers[] = {
	{
		.name = "floor",
		.label = "E: odgram, drop in the hook",
		.open = discard_open,
		.dropped = discard_dropped,
		.close = discard_close,
	},
	{
		.name = "filter",
		.label = "socket filter, drop",
		.open = filter_open,
		.dropped = filter_dropped,
	},
	{ 0 }
};
