// SPDX-License-Identifier: MIT
/* Control data of a receive, made from its completion. */
#include "test.h"

#include "internal.h"

/* written - one message alone, with so many bytes of data; returns these */
static const void *written(unsigned int wanted, const struct odg_cqe_wide *wide,
			   int level, int type, size_t len)
{
	static char room[128];
	WSABUF control = { sizeof(room), room };
	WSAMSG msg = { .Control = control };
	WSACMSGHDR *c;

	memset(room, 0xa5, sizeof(room));
	assert_true(odgw_control_write(wanted, wide, &control));
	assert_int_equal(control.len, WSA_CMSG_SPACE(len));
	msg.Control = control;
	c = WSA_CMSG_FIRSTHDR(&msg);
	assert_int_equal(c->cmsg_level, level);
	assert_int_equal(c->cmsg_type, type);
	assert_int_equal(c->cmsg_len, WSA_CMSG_LEN(len));
	assert_int_equal((unsigned char)room[control.len], 0xa5);
	return WSA_CMSG_DATA(c);
}

/* The device's clock if it gave a stamp, else the stack's or ours. */
static void b_rm8_time_of_arrival(void **state)
{
	struct odg_cqe_wide wide = { .cqe = { .flags = ODG_CQE_ADDR, .rx_ns = 1234567890123 } };
	uint64_t ns;

	(void)state;
	memcpy(&ns, written(ODGW_TELL_TIME, &wide, SOL_SOCKET, SO_TIMESTAMP, sizeof(ns)),
	       sizeof(ns));
	assert_true(ns == 1234567890123);
	wide.cqe.hw_ns = 77;
	memcpy(&ns, written(ODGW_TELL_TIME, &wide, SOL_SOCKET, SO_TIMESTAMP, sizeof(ns)),
	       sizeof(ns));
	assert_true(ns == 77);
}

static void b_rm8_size_of_the_coalesced(void **state)
{
	struct odg_cqe_wide wide = { .cqe = { .flags = ODG_CQE_ADDR, .seg_len = 1400 } };
	DWORD size;

	(void)state;
	memcpy(&size, written(0, &wide, IPPROTO_UDP, UDP_COALESCED_INFO, sizeof(size)),
	       sizeof(size));
	assert_int_equal(size, 1400);
}

static void b_rm5_what_does_not_fit_is_left_out(void **state)
{
	struct odg_cqe_wide wide = { .cqe.flags = ODG_CQE_ADDR, .ttl = 9, .tos = 3 };
	char room[WSA_CMSG_SPACE(sizeof(int)) + 8];
	WSABUF control = { sizeof(room), room };

	(void)state;
	memset(room, 0xa5, sizeof(room));
	assert_false(odgw_control_write(ODGW_TELL_TTL | ODGW_TELL_TOS, &wide, &control));
	assert_int_equal(control.len, WSA_CMSG_SPACE(sizeof(int)));
	assert_int_equal((unsigned char)room[control.len], 0xa5);
	control.len = 1;
	assert_false(odgw_control_write(ODGW_TELL_TTL, &wide, &control));
	assert_int_equal(control.len, 0);
	control = (WSABUF){ 0, NULL };
	assert_true(odgw_control_write(0, &wide, &control));
}

static void b_tx19_sizes_that_linux_has_no_room_for(void **state)
{
	char in[WSA_CMSG_SPACE(sizeof(DWORD))] = { 0 }, out[64];
	WSACMSGHDR h = {
		.cmsg_len = WSA_CMSG_LEN(sizeof(DWORD)),
		.cmsg_level = IPPROTO_UDP,
		.cmsg_type = UDP_SEND_MSG_SIZE,
	};
	WSABUF control = { sizeof(in), in };
	size_t len = sizeof(out);
	DWORD size = UINT16_MAX;

	(void)state;
	memcpy(in, &h, sizeof(h));
	memcpy(in + WSA_CMSG_LEN(0), &size, sizeof(size));
	assert_int_equal(odgw_control_read(&control, out, &len), 0);
	size = UINT16_MAX + 2;
	memcpy(in + WSA_CMSG_LEN(0), &size, sizeof(size));
	len = sizeof(out);
	assert_int_equal(odgw_control_read(&control, out, &len), WSAEINVAL);
}

static void b_rm4_how_it_was_addressed(void **state)
{
	struct odg_cqe_wide wide = { .cqe.flags = ODG_CQE_ADDR, .local = { 10, 1, 2, 3 } };

	(void)state;
	assert_int_equal(odgw_control_flags(&wide), 0);
	wide.broadcast = 1;
	assert_int_equal(odgw_control_flags(&wide), MSG_BCAST);
	wide.broadcast = 0;
	wide.local[0] = 239;
	assert_int_equal(odgw_control_flags(&wide), MSG_MCAST);
	wide.cqe.flags |= ODG_CQE_ICMP;
	assert_int_equal(odgw_control_flags(&wide), 0);
	wide.cqe.flags = ODG_CQE_ADDR | ODG_CQE_IPV6;
	assert_int_equal(odgw_control_flags(&wide), 0);
	wide.local[0] = 0xff;
	assert_int_equal(odgw_control_flags(&wide), MSG_MCAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_rm8_time_of_arrival),
		cmocka_unit_test(b_rm8_size_of_the_coalesced),
		cmocka_unit_test(b_rm5_what_does_not_fit_is_left_out),
		cmocka_unit_test(b_tx19_sizes_that_linux_has_no_room_for),
		cmocka_unit_test(b_rm4_how_it_was_addressed),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
