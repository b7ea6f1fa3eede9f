// SPDX-License-Identifier: MIT
/* Devices' clocks (userlib/tools/hwstamp.c), on a device that is made up here. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "test.h"

#include "../../userlib/tools/hwstamp.c"

/* The device, and what was asked of it. */
static struct {
	uint32_t so_timestamping, rx_filters;
	struct hwtstamp_config now;
	int can_get, set_error;
	unsigned int sets;
} dev;

int ioctl(int fd, unsigned long call, ...)
{
	struct ethtool_ts_info *info;
	struct ifreq *ifr;
	va_list ap;

	va_start(ap, call);
	ifr = va_arg(ap, struct ifreq *);
	va_end(ap);
	assert_int_equal(fd, 77);
	assert_string_equal(ifr->ifr_name, "lo");
	switch (call) {
	case SIOCETHTOOL:
		info = (void *)ifr->ifr_data;
		assert_int_equal(info->cmd, ETHTOOL_GET_TS_INFO);
		info->so_timestamping = dev.so_timestamping;
		info->rx_filters = dev.rx_filters;
		return 0;
	case SIOCGHWTSTAMP:
		errno = EOPNOTSUPP;
		if (dev.can_get)
			memcpy(ifr->ifr_data, &dev.now, sizeof(dev.now));
		return dev.can_get ? 0 : -1;
	case SIOCSHWTSTAMP:
		errno = dev.set_error;
		if (!dev.set_error)
			memcpy(&dev.now, ifr->ifr_data, sizeof(dev.now));
		dev.sets++;
		return dev.set_error ? -1 : 0;
	}
	fail();
	return -1;
}

static void good_device(void)
{
	memset(&dev, 0, sizeof(dev));
	dev.so_timestamping = SOF_TIMESTAMPING_RX_HARDWARE;
	dev.rx_filters = 1U << HWTSTAMP_FILTER_ALL;
	dev.can_get = 1;
	dev.now.tx_type = HWTSTAMP_TX_ON;
	dev.now.rx_filter = HWTSTAMP_FILTER_PTP_V2_EVENT;
}

static int start(struct hwstamp *hw)
{
	*hw = (struct hwstamp){ .changed = false };
	return hwstamp_start(hw, 77, if_nametoindex("lo"));
}

static void is_set_and_set_back(void **state)
{
	struct hwstamp hw;

	(void)state;
	good_device();
	assert_int_equal(start(&hw), 0);
	assert_int_equal(dev.now.rx_filter, HWTSTAMP_FILTER_ALL);
	/* what somebody else sends by it is stamped as before */
	assert_int_equal(dev.now.tx_type, HWTSTAMP_TX_ON);
	hwstamp_stop(&hw, 77);
	assert_int_equal(dev.now.rx_filter, HWTSTAMP_FILTER_PTP_V2_EVENT);
	hwstamp_stop(&hw, 77);
	assert_int_equal(dev.sets, 2);
}

static void one_that_stamps_is_left_alone(void **state)
{
	struct hwstamp hw;

	(void)state;
	good_device();
	dev.now.rx_filter = HWTSTAMP_FILTER_ALL;
	assert_int_equal(start(&hw), 0);
	hwstamp_stop(&hw, 77);
	assert_int_equal(dev.sets, 0);
}

static void one_that_does_not_tell_is_switched_off_again(void **state)
{
	struct hwstamp hw;

	(void)state;
	good_device();
	dev.can_get = 0;
	assert_int_equal(start(&hw), 0);
	assert_int_equal(dev.now.rx_filter, HWTSTAMP_FILTER_ALL);
	hwstamp_stop(&hw, 77);
	assert_int_equal(dev.now.rx_filter, HWTSTAMP_FILTER_NONE);
}

static void what_cannot_is_refused(void **state)
{
	struct hwstamp hw;

	(void)state;
	good_device();
	dev.so_timestamping = SOF_TIMESTAMPING_RX_SOFTWARE;
	assert_int_equal(start(&hw), -1);
	good_device();
	dev.rx_filters = 1U << HWTSTAMP_FILTER_PTP_V2_EVENT;
	assert_int_equal(start(&hw), -1);
	assert_int_equal(dev.sets, 0);
	good_device();
	dev.set_error = EPERM;
	assert_int_equal(start(&hw), -1);
	hwstamp_stop(&hw, 77);
	assert_int_equal(dev.sets, 1);
	assert_int_equal(dev.now.rx_filter, HWTSTAMP_FILTER_PTP_V2_EVENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_set_and_set_back),
		cmocka_unit_test(one_that_stamps_is_left_alone),
		cmocka_unit_test(one_that_does_not_tell_is_switched_off_again),
		cmocka_unit_test(what_cannot_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
