// SPDX-License-Identifier: MIT
/*
 * A socket's filter and the checksum hold for posted receives, too: the hook
 * stands before the place where a socket's filter runs.
 */
#include "helpers_ring.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <sys/syscall.h>

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

/* Of several receives it would have begun in the first. */
static void bad_checksum_of_a_long_datagram_is_no_piece(void **state)
{
	struct fix *f = *state;
	int raw = (int)sys(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP));
	static const uint8_t bad[1000];
	struct odg_sock_stats s;
	struct rq_fix q;

	/* Not bound yet: nobody verifies them before they are queued. */
	for (int i = 0; i < 2; i++) {
		send_raw(raw, f->tx, f->rx, bad, sizeof(bad), 1);
		send_queued(f->tx, f->rx, "0123456789", 10);
	}
	setup_ring(&q, f, 8);
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);

	row("for a ring");
	for (uint64_t i = 0; i < 2; i++)
		ring_write(&q.r, i, q.region, 100 * i, 6);
	ring_post(&q);
	want(reap_ring(&q, 0, 0, 6)->flags & ODG_CQE_PARTIAL, ODG_CQE_PARTIAL);
	want(reap_ring(&q, 1, 0, 4)->flags & ODG_CQE_PARTIAL, 0);
	want(memcmp(q.mem, "012345", 6), 0);
	want(memcmp(q.mem + 100, "6789", 4), 0);

	row("for a post");
	op_init(&f->op[0]);
	op_segs(&f->op[0], 1, (uint32_t[]){ 100 });
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "0123456789", 10);

	s = sock_stats(&f->p, f->rx);
	want(s.dropped, 2);
	want(s.from_queue, 2);
	want(s.pieces, 1);
	want(s.queued, 0);
	want_stats_sum(&f->p, f->rx);
	drop_ring(&q);
	close(raw);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* A filter that lets everything through and counts it in a map; -1: no such thing. */
static int counting_filter(int *map)
{
	union bpf_attr array = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4, .value_size = 8, .max_entries = 1,
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	int prog;

	*map = bpf(BPF_MAP_CREATE, &array);
	if (*map < 0)
		return -1;
	const struct bpf_insn code[] = {
		/* *(u32 *)(r10 - 4) = 0; r0 = lookup(map, r10 - 4) */
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = *map },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		/* if (r0) *(u64 *)r0 += 1 */
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 0, .src_reg = 1,
		  .imm = BPF_ADD },
		/* return all of it */
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	load.insns = (uintptr_t)code;
	load.insn_cnt = ARRAY_SIZE(code);
	load.license = (uintptr_t)"MIT";
	prog = bpf(BPF_PROG_LOAD, &load);
	want_true(prog >= 0);
	return prog;
}

static uint64_t filtered_so_far(int map)
{
	uint64_t count = POISON64;
	uint32_t key = 0;
	union bpf_attr look = {
		.map_fd = (uint32_t)map,
		.key = (uintptr_t)&key, .value = (uintptr_t)&count,
	};

	want(bpf(BPF_MAP_LOOKUP_ELEM, &look), 0);
	return count;
}

static void filter_sees_each_datagram_once(void **state)
{
	struct fix *f = *state;
	int map, prog = counting_filter(&map);

	if (prog < 0)
		skip();
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);
	set_opt(f->rx, SOL_SOCKET, SO_ATTACH_BPF, prog);

	row("direct");
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "0123456789");
	reap_data(&f->p, &f->op[0], "0123456789", 10);
	want(filtered_so_far(map), 1);

	row("in pieces");
	for (int i = 1; i < 3; i++) {
		op_segs(&f->op[i], 1, (uint32_t[]){ 6 });
		post_pending(&f->p, f->rx, &f->op[i]);
	}
	send_str(f->tx, f->rx, "0123456789");
	want(reap(&f->p)->len, 6);
	want(reap(&f->p)->len, 4);
	want(filtered_so_far(map), 2);

	row("queued");
	queue_str(f->tx, f->rx, "0123456789");
	want(filtered_so_far(map), 3);
	native_recv(f->rx, "0123456789", 10);
	close(prog);
	close(map);
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
		T(bad_checksum_of_a_long_datagram_is_no_piece),
		T(filter_sees_each_datagram_once),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
