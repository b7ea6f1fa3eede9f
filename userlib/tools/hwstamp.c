// SPDX-License-Identifier: MIT
/*
 * Time stamps by a network device's own clock (hwstamp.h).  The setting is the
 * device's, not the socket's: it is left alone where it already does, and else put
 * back in the end.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hwstamp.h"

static int request(const struct hwstamp *hw, int sock, unsigned long call,
		   void *data)
{
	struct ifreq ifr = { .ifr_data = data };

	memcpy(ifr.ifr_name, hw->name, sizeof(ifr.ifr_name));
	return ioctl(sock, call, &ifr);
}

static int complain(const struct hwstamp *hw, const char *what)
{
	fprintf(stderr, "odgram recv: %s %s; without --hw the kernel's are used\n",
		hw->name, what);
	return -1;
}

/* can_stamp - not only what the precision time protocol sends */
static int can_stamp(const struct hwstamp *hw, int sock)
{
	struct ethtool_ts_info info = { .cmd = ETHTOOL_GET_TS_INFO };

	if (request(hw, sock, SIOCETHTOOL, &info) ||
	    !(info.so_timestamping & SOF_TIMESTAMPING_RX_HARDWARE))
		return complain(hw, "has no clock to stamp datagrams with");
	if (!(info.rx_filters & 1U << HWTSTAMP_FILTER_ALL))
		return complain(hw, "cannot stamp datagrams of all kinds");
	return 0;
}

int hwstamp_start(struct hwstamp *hw, int sock, unsigned int ifindex)
{
	struct hwtstamp_config now;

	if (!if_indextoname(ifindex, hw->name))
		return complain(hw, "(interface) is gone");
	if (can_stamp(hw, sock))
		return -1;
	if (request(hw, sock, SIOCGHWTSTAMP, &hw->before))
		hw->before = (struct hwtstamp_config){ 0 };
	if (hw->before.rx_filter == HWTSTAMP_FILTER_ALL)
		return 0;
	now = hw->before;
	now.rx_filter = HWTSTAMP_FILTER_ALL;
	if (!request(hw, sock, SIOCSHWTSTAMP, &now)) {
		hw->changed = true;
		return 0;
	}
	if (errno == EPERM)
		return complain(hw, "may be told to stamp datagrams by root alone (CAP_NET_ADMIN)");
	return complain(hw, strerror(errno));
}

void hwstamp_stop(struct hwstamp *hw, int sock)
{
	if (hw->changed)
		request(hw, sock, SIOCSHWTSTAMP, &hw->before);
	hw->changed = false;
}
