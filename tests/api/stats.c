// SPDX-License-Identifier: MIT
/*
 * Invariant 6: delivered + queued + dropped + ... = arrived, each against what
 * the test itself sent and saw, not against each other.
 */
#include "helpers.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>

static void want_stats(struct fix *f, struct odg_sock_stats want)
{
	struct odg_sock_stats s = sock_stats(&f->p, f->rx);

	want(s.depth, want.depth);
	want(s.queued, want.queued);
	want(s.direct, want.direct);
	want(s.from_queue, want.from_queue);
	want(s.filtered, want.filtered);
	want(s.discarded, want.discarded);
	want(s.dropped, want.dropped);
	want(s.native, want.native);
	want(s.truncated, want.truncated);
	want(s.icmp, want.icmp);
	want(s.bytes, want.bytes);
	want(s.arrived, want.arrived);
	want(stats_gap(&s), 0);
}

static void of_a_socket_that_is_not_bound(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s = { .size = sizeof(s), .fd = f->rx };

	want(odg(f->p.fd, ODG_SOCK_STATS, &s), -ENOENT);
	s.fd = -1;
	want(odg(f->p.fd, ODG_SOCK_STATS, &s), -EBADF);
	s.fd = f->p.fd;
	want(odg(f->p.fd, ODG_SOCK_STATS, &s), -ENOTSOCK);
}

static void each_way_counts_in_its_own_place(void **state)
{
	struct fix *f = *state;
	char c[8];

	want(odg_bind(&f->p, f->rx, 0), 0);
	row("bound");
	want_stats(f, (struct odg_sock_stats){ 0 });

	row("queued");
	send_queued(f->tx, f->rx, "12", 2);
	send_queued(f->tx, f->rx, "345", 3);
	want_stats(f, (struct odg_sock_stats){ .queued = 2, .arrived = 2 });

	row("taken natively");
	want(sys(recv(f->rx, c, 8, 0)), 2);
	want_stats(f, (struct odg_sock_stats){
		.queued = 1, .native = 1, .arrived = 2 });

	row("peeked natively: changes nothing");
	want(sys(recv(f->rx, c, 8, MSG_PEEK)), 3);
	want_stats(f, (struct odg_sock_stats){
		.queued = 1, .native = 1, .arrived = 2 });

	row("taken by a post");
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_stats(f, (struct odg_sock_stats){
		.from_queue = 1, .native = 1, .bytes = 3, .arrived = 2 });

	row("posted");
	f->op[1].seg[0].len = 4;
	want(post_n(&f->p, f->rx, &f->op[1], 2), 2);
	want_stats(f, (struct odg_sock_stats){ .depth = 2,
		.from_queue = 1, .native = 1, .bytes = 3, .arrived = 2 });

	row("direct, truncated to 4");
	send_str(f->tx, f->rx, "too long");
	wait_arrived(&f->p, f->rx, 3);
	want_stats(f, (struct odg_sock_stats){ .depth = 1,
		.direct = 1, .from_queue = 1, .native = 1, .truncated = 1,
		.bytes = 7, .arrived = 3 });

	row("cancelled");
	want(cancel_socket(&f->p, f->rx), 1);
	want_stats(f, (struct odg_sock_stats){
		.direct = 1, .from_queue = 1, .native = 1, .truncated = 1,
		.bytes = 7, .arrived = 3 });
}

static void what_the_socket_held_when_bound_counts(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 3; i++)
		send_queued(f->tx, f->rx, "x", 1);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want_stats(f, (struct odg_sock_stats){ .queued = 3, .arrived = 3 });
	native_recv(f->rx, "x", 1);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_stats(f, (struct odg_sock_stats){ .queued = 1, .native = 1,
		.from_queue = 1, .bytes = 1, .arrived = 3 });
}

/* Drops from before the binding are not ours. */
static void overflow_of_the_receive_buffer(void **state)
{
	static char payload[1000];
	struct fix *f = *state;
	struct odg_sock_stats want = { 0 };
	uint32_t before;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, 1);
	while (meminfo(f->rx, SK_MEMINFO_DROPS) < 3) {
		send_to(f->tx, f->rx, payload, sizeof(payload));
		settle();
	}
	while (recv(f->rx, payload, sizeof(payload), MSG_DONTWAIT) > 0)
		;
	before = meminfo(f->rx, SK_MEMINFO_DROPS);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want_stats(f, want);
	while (want.dropped < 5) {
		send_to(f->tx, f->rx, payload, sizeof(payload));
		wait_arrived(&f->p, f->rx, ++want.arrived);
		want.dropped = meminfo(f->rx, SK_MEMINFO_DROPS) - before;
		want.queued = (uint32_t)(want.arrived - want.dropped);
		want_stats(f, want);
	}
	want_true(want.queued > 0);
	row("a posted receive needs no room in the buffer");
	while (want.queued) {
		op_init(&f->op[0]);
		want(post(&f->p, f->rx, &f->op[0]), 1);
		reap(&f->p);
		want.queued--;
		want.from_queue++;
		want.bytes += sizeof(payload);
	}
	for (int i = 0; i < 10; i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		send_to(f->tx, f->rx, payload, sizeof(payload));
		reap(&f->p);
	}
	want.direct += 10;
	want.arrived += 10;
	want.bytes += 10 * sizeof(payload);
	want_stats(f, want);
}

static void discard_drops_everything_in_the_hook(void **state)
{
	struct fix *f = *state;

	want(odg_bind(&f->p, f->rx, ODG_BIND_DISCARD), 0);
	for (int i = 0; i < 5; i++)
		send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 5);
	want_stats(f, (struct odg_sock_stats){ .discarded = 5, .arrived = 5 });
	row("posted receives see nothing");
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 6);
	want_none(&f->p);
	row("binding again without the flag ends it");
	want(odg_bind(&f->p, f->rx, 0), 0);
	send_str(f->tx, f->rx, "heard");
	reap_data(&f->p, &f->op[0], "heard", 5);
	want_stats(f, (struct odg_sock_stats){
		.discarded = 6, .direct = 1, .bytes = 5, .arrived = 7 });
}

/* All ways at once, in an order that a fixed generator chooses. */
static void exact_after_mixed_traffic(void **state)
{
	struct sock_filter drop_x[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'x', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_fprog prog = {
		.len = ARRAY_SIZE(drop_x), .filter = drop_x,
	};
	uint64_t sent = 0, delivered = 0, native = 0, refused = 0, bytes = 0;
	struct fix *f = *state;
	char payload[900] = "y";
	struct odg_sock_stats s;
	uint32_t seed = 1;

	sys(setsockopt(f->rx, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, 1);
	want(odg_bind(&f->p, f->rx, 0), 0);
	for (int i = 0; i < 2000; i++) {
		seed = seed * 1103515245 + 12345;
		switch (seed >> 16 & 7) {
		case 0:
			/* The completion is not read yet: see below. */
			post(&f->p, f->rx, &f->op[0]);
			break;
		case 1:
			if (recv(f->rx, payload + 1, 899, MSG_DONTWAIT) > 0)
				native++;
			break;
		case 2:
			payload[0] = 'x';
			send_to(f->tx, f->rx, payload, 100);
			payload[0] = 'y';
			refused++;
			sent++;
			break;
		case 3:
			cancel_socket(&f->p, f->rx);
			break;
		default:
			send_to(f->tx, f->rx, payload, 1 + (seed >> 20 & 511));
			sent++;
		}
		wait_arrived(&f->p, f->rx, sent);
		while (port_unread(&f->p)) {
			const struct odg_cqe *c = reap(&f->p);

			delivered += c->status == 0;
			bytes += c->len;
		}
	}
	s = sock_stats(&f->p, f->rx);
	want(s.arrived, sent);
	want(s.direct + s.from_queue, delivered);
	want_true(s.direct > 0 && s.from_queue > 0);
	want(s.native, native);
	want(s.bytes, bytes);
	want(s.filtered + s.dropped, sent - delivered - native - s.queued);
	want_true(s.filtered + s.dropped > refused);
	want(s.truncated, 0);
	want_stats_sum(&f->p, f->rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_a_socket_that_is_not_bound),
		T46(each_way_counts_in_its_own_place),
		T(what_the_socket_held_when_bound_counts),
		T46(overflow_of_the_receive_buffer),
		T46(discard_drops_everything_in_the_hook),
		T46(exact_after_mixed_traffic),
	};
	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
