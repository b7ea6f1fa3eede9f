/* SPDX-License-Identifier: MIT */
/* Time stamps by a network device's own clock. */
#ifndef ODG_HWSTAMP_H
#define ODG_HWSTAMP_H

#include <linux/net_tstamp.h>
#include <net/if.h>
#include <stdbool.h>

/**
 * struct hwstamp - a device that stamps what it receives
 * @name: of the device
 * @before: how it was set
 * @changed: it is set otherwise now
 */
struct hwstamp {
	char name[IF_NAMESIZE];
	struct hwtstamp_config before;
	bool changed;
};

/*
 * Have the device stamp every datagram: by @sock, any socket of its namespace.  0, or
 * -1 with a line on stderr.
 */
int hwstamp_start(struct hwstamp *hw, int sock, unsigned int ifindex);

/* As it was before. */
void hwstamp_stop(struct hwstamp *hw, int sock);

#endif /* ODG_HWSTAMP_H */
