// SPDX-License-Identifier: MIT
/*
 * A socket's filter and the checksum hold for posted receives, too: the hook
 * stands before the place where a socket's filter runs.
 */
#include "helpers.h"

#include <linux/filter.h>
#include <netinet/udp.h>

/* What a filter sees begins with the UDP header. */
#define PAYLOAD 8

static void attach(int sock, struct sock_filter *code, size_t n)
{
	struct sock_fprog prog = {
		.len = (unsigned short)n, .filter = code,
	};

	sys(setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static void attach_drop_x(int sock)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, PAYLOAD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'x', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};

	attach(sock, code, ARRAY_SIZE(code));
}

static void filter_refuses_before_a_posted_receive(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;

	attach_drop_x(f->rx);
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "xxx");
	send_str(f->tx, f->rx, "yes");
	send_str(f->tx, f->rx, "x");
	send_str(f->tx, f->rx, "no x first");
	reap_data(&f->p, &f->op[0], "yes", 3);
	reap_data(&f->p, &f->op[1], "no x first", 10);
	s = sock_stats(&f->p, f->rx);
	want(s.arrived, 4);
	want(s.filtered, 2);
	want(s.direct, 2);
	want_stats_sum(&f->p, f->rx);
}

static void filter_refuses_before_the_queue(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;

	attach_drop_x(f->rx);
	want(odg_bind(&f->p, f->rx, 0), 0);
	send_str(f->tx, f->rx, "x1");
	send_str(f->tx, f->rx, "y1");
	send_str(f->tx, f->rx, "x2");
	send_str(f->tx, f->rx, "y2");
	wait_arrived(&f->p, f->rx, 4);
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	reap_data(&f->p, &f->op[0], "y1", 2);
	reap_data(&f->p, &f->op[1], "y2", 2);
	want_none(&f->p);
	s = sock_stats(&f->p, f->rx);
	want(s.filtered + s.dropped, 2);
	want(s.from_queue, 2);
	want_stats_sum(&f->p, f->rx);
}

static void filter_attached_and_detached_while_pending(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	attach_drop_x(f->rx);
	send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 1);
	want_none(&f->p);
	set_opt(f->rx, SOL_SOCKET, SO_DETACH_FILTER, 0);
	send_str(f->tx, f->rx, "x now");
	reap_data(&f->p, &f->op[0], "x now", 5);
}

/* A filter may shorten a datagram; the receiver cannot tell, as natively. */
static void filter_that_truncates(void **state)
{
	static const struct { uint32_t keep; size_t payload; } rows[] = {
		{ PAYLOAD + 4, 4 }, { PAYLOAD + 1, 1 }, { PAYLOAD, 0 },
		/* Less than the header: the kernel keeps the header. */
		{ 1, 0 },
		{ PAYLOAD + 100, 10 },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct sock_filter code[] = {
			BPF_STMT(BPF_RET | BPF_K, rows[i / 2].keep),
		};
		struct op *op = &f->op[0];

		row("keep %u, %s", rows[i / 2].keep, i & 1 ? "queued" : "pending");
		attach(f->rx, code, 1);
		op_init(op);
		if (i & 1)
			send_queued(f->tx, f->rx, "0123456789", 10);
		want(post(&f->p, f->rx, op), 1);
		if (!(i & 1))
			send_str(f->tx, f->rx, "0123456789");
		reap_data(&f->p, op, "0123456789", rows[i / 2].payload);
		/* And what recv(2) says, to be sure that is native behaviour. */
		send_queued(f->tx, f->rx, "0123456789", 10);
		native_recv(f->rx, "0123456789", rows[i / 2].payload);
	}
	want_stats_sum(&f->p, f->rx);
}

static uint16_t checksum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A UDP datagram whose checksum we choose, by a raw socket. */
static void send_raw(int raw, int from, int to, const void *data, size_t len,
		     int spoil)
{
	union sockaddr_any src, dst;
	struct {
		struct udphdr h;
		uint8_t data[1400];
	} u = { 0 };
	uint32_t sum;
	size_t all = sizeof(u.h) + len;

	addr_of(from, &src);
	addr_of(to, &dst);
	u.h.source = src.v4.sin_port;
	u.h.dest = dst.v4.sin_port;
	u.h.len = htons((uint16_t)all);
	memcpy(u.data, data, len);
	sum = checksum(&src.v4.sin_addr, 4, 0);
	sum = checksum(&dst.v4.sin_addr, 4, sum);
	sum = checksum(&u, all, sum + IPPROTO_UDP + (uint32_t)all);
	u.h.check = htons((uint16_t)~sum);
	if (spoil)
		u.h.check ^= htons(0x5555);
	dst.v4.sin_port = 0;
	want(sys(sendto(raw, &u, all, 0, &dst.sa, sizeof(dst.v4))), all);
}

/* Short ones are verified on arrival, long ones only when they are copied. */
static void bad_checksum_reaches_no_buffer(void **state)
{
	static const size_t lens[] = { 10, 76, 77, 1000 };
	struct fix *f = *state;
	int raw = (int)sys(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
	uint8_t data[1000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + 1);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct op *op = &f->op[0];

		row("%zu bytes, pending", lens[i]);
		op_init(op);
		post_pending(&f->p, f->rx, op);
		send_raw(raw, f->tx, f->rx, data, lens[i], 1);
		send_raw(raw, f->tx, f->rx, data, lens[i], 0);
		reap_data(&f->p, op, data, lens[i]);
		want_none(&f->p);

		row("%zu bytes, queued", lens[i]);
		op_init(op);
		send_raw(raw, f->tx, f->rx, data, lens[i], 1);
		send_raw(raw, f->tx, f->rx, data, lens[i], 0);
		/* The good one stands behind the bad one, if that is there. */
		send_queued(f->tx, f->rx, "end", 3);
		want(post(&f->p, f->rx, op), 1);
		reap_data(&f->p, op, data, lens[i]);
		native_recv(f->rx, "end", 3);
	}
	want_stats_sum(&f->p, f->rx);
	close(raw);
}

/* Counted by the stack as the socket's drops, and in no other place's stead. */
static void inv6_bad_checksums_are_drops(void **state)
{
	struct fix *f = *state;
	int raw = (int)sys(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
	uint8_t data[1000] = { 0 };
	struct odg_sock_stats s;

	want(odg_bind(&f->p, f->rx, 0), 0);
	for (int i = 0; i < 3; i++) {
		send_raw(raw, f->tx, f->rx, data, sizeof(data), 1);
		send_queued(f->tx, f->rx, "good", 4);
		native_recv(f->rx, "good", 4);
	}
	s = sock_stats(&f->p, f->rx);
	want(s.dropped, 3);
	want(s.native, 3);
	want(s.arrived, 6);
	close(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(filter_refuses_before_a_posted_receive),
		T46(filter_refuses_before_the_queue),
		T(filter_attached_and_detached_while_pending),
		T46(filter_that_truncates),
		T(bad_checksum_reaches_no_buffer),
		T(inv6_bad_checksums_are_drops),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
