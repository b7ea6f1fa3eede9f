// SPDX-License-Identifier: MIT
/*
 * ODG_BIND_PARTIAL: a datagram longer than its receive goes on in the next one, and
 * none of it is lost.
 */
#include "partial.h"

#include <sys/ioctl.h>

static void a57_long_datagram_fills_the_posts_in_order(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 4; i++)
		post_room(f, i, 8);
	send_str(f->tx, f->rx, twenty);
	want(reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20)->port,
	     port_of(f->tx));
	want(reap_piece(&f->p, &f->op[1], "ijklmnop", 8, 12)->port,
	     port_of(f->tx));
	want(reap_piece(&f->p, &f->op[2], "qrst", 4, 4)->port, port_of(f->tx));
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });

	row("the next one begins a receive of its own");
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[3], "next", 4);
	want_counts(f, (struct counts){ .direct = 1,
		.from_queue = 1, .pieces = 2, .bytes = 24, .arrived = 2 });
}

static void a57_rest_is_kept_for_later_posts(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 1, .bytes = 8, .arrived = 1 });

	row("to the result");
	take_room(f, 1, 8);
	want_piece(&f->op[1], "ijklmnop", 8, 12);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 2, .bytes = 16, .arrived = 1 });

	row("to the queue");
	room(&f->op[2], 8);
	want(post(&f->p, f->rx, &f->op[2]), 1);
	want(f->op[2].r.state, ODG_RECV_QUEUED);
	reap_piece(&f->p, &f->op[2], "qrst", 4, 4);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });

	row("and no more of it");
	room(&f->op[3], 8);
	f->op[3].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[3]), -EAGAIN);
	want_none(&f->p);
}

/* Queued before there was a binding; the rest goes to what is posted meanwhile. */
static void a57_datagram_that_waited_comes_in_pieces(void **state)
{
	struct fix *f = *state;

	queue_str(f->tx, f->rx, twenty);
	queue_str(f->tx, f->rx, "short");
	bind_partial(f);
	for (int i = 0; i < 4; i++)
		room(&f->op[i], i == 1 ? 3 : 10);
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	reap_piece(&f->p, &f->op[0], "abcdefghij", 10, 20);
	reap_piece(&f->p, &f->op[1], "klm", 3, 10);
	reap_piece(&f->p, &f->op[2], "nopqrst", 7, 7);
	reap_data(&f->p, &f->op[3], "short", 5);
	want_counts(f, (struct counts){
		.from_queue = 2, .pieces = 2, .bytes = 25, .arrived = 2 });
}

static void a57_scattered_pieces(void **state)
{
	static const uint32_t lens[] = { 3, 0, 4 };
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 3; i++) {
		op_init(&f->op[i]);
		op_segs(&f->op[i], 3, lens);
	}
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefg", 7, 20);
	reap_piece(&f->p, &f->op[1], "hijklmn", 7, 13);
	op_result(&f->op[2]);
	want(post(&f->p, f->rx, &f->op[2]), 1);
	want_piece(&f->op[2], "opqrst", 6, 6);
}

static void what_fits_takes_the_short_way(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 20);
	post_room(f, 1, 20);
	post_room(f, 2, 0);
	send_str(f->tx, f->rx, twenty);
	want(reap_data(&f->p, &f->op[0], twenty, 20)->flags & ODG_CQE_PARTIAL, 0);
	send_to(f->tx, f->rx, "", 0);
	want(reap_data(&f->p, &f->op[1], "", 0)->flags & ODG_CQE_PARTIAL, 0);
	send_to(f->tx, f->rx, "", 0);
	want(reap_data(&f->p, &f->op[2], "", 0)->flags & ODG_CQE_PARTIAL, 0);
	want_counts(f, (struct counts){
		.direct = 3, .bytes = 20, .arrived = 3 });
}

/* B-RX3 turned round: an empty receive tells of a datagram and takes nothing. */
static void b_rx3_receive_without_room_takes_nothing(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 0);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "", 0, 20);
	take_room(f, 1, 0);
	want_piece(&f->op[1], "", 0, 20);
	take_room(f, 2, 20);
	want_piece(&f->op[2], twenty, 20, 20);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });
}

static void a56_without_the_flag_the_rest_is_lost(void **state)
{
	struct fix *f = *state;
	const struct odg_cqe *c;

	want(odg_bind(&f->p, f->rx, 0), 0);
	post_room(f, 0, 8);
	post_room(f, 1, 8);
	send_str(f->tx, f->rx, twenty);
	c = reap(&f->p);
	want(c->status, -EMSGSIZE);
	want(c->flags & ODG_CQE_PARTIAL, 0);
	want(c->len, 8);
	want(c->full_len, 20);
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[1], "next", 4);
	want(sock_stats(&f->p, f->rx).truncated, 1);
	want(sock_stats(&f->p, f->rx).pieces, 0);
}

/* The rest is the next receive's all the same, and what that has no room for is lost. */
static void flag_taken_back_with_a_rest_kept(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want(odg_bind(&f->p, f->rx, 0), 0);
	take_room(f, 1, 8);
	want(f->op[1].result.cqe.status, -EMSGSIZE);
	want(f->op[1].result.cqe.flags & ODG_CQE_PARTIAL, 0);
	want(f->op[1].result.cqe.len, 8);
	want(f->op[1].result.cqe.full_len, 12);
	want(memcmp(f->op[1].data, "ijklmnop", 8), 0);
	post_room(f, 2, 8);
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[2], "next", 4);
	want(sock_stats(&f->p, f->rx).truncated, 1);
	want_stats_sum(&f->p, f->rx);
}

static void inv1_rest_is_not_overtaken(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	send_str(f->tx, f->rx, "second");
	wait_arrived(&f->p, f->rx, 2);
	want(sock_stats(&f->p, f->rx).queued, 2);
	for (int i = 1; i < 4; i++)
		room(&f->op[i], 12);
	want(post_n(&f->p, f->rx, &f->op[1], 3), 3);
	want(f->op[3].r.state, ODG_RECV_PENDING);
	send_str(f->tx, f->rx, "third");
	reap_piece(&f->p, &f->op[1], "ijklmnopqrst", 12, 12);
	reap_data(&f->p, &f->op[2], "second", 6);
	reap_data(&f->p, &f->op[3], "third", 5);
	want_counts(f, (struct counts){ .direct = 1, .from_queue = 2,
		.pieces = 1, .bytes = 31, .arrived = 3 });
}

static void inv2_cancel_between_pieces_loses_nothing(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 4; i++)
		post_room(f, i, i == 2 ? 4 : 8);
	want(cancel_id(&f->p, f->op[1].r.id), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	reap_piece(&f->p, &f->op[2], "ijkl", 4, 12);
	reap_piece(&f->p, &f->op[3], "mnopqrst", 8, 8);

	row("while a rest is kept there is nothing to cancel");
	post_room(f, 4, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[4], "abcdefgh", 8, 20);
	want(cancel_socket(&f->p, f->rx), -ENOENT);
	take_room(f, 5, 12);
	want_piece(&f->op[5], "ijklmnopqrst", 12, 12);
	want_counts(f, (struct counts){
		.from_queue = 2, .pieces = 3, .bytes = 40, .arrived = 2 });
}

static void a57_pieces_go_to_several_ports(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	bind_partial(f);
	for (int i = 0; i < 3; i++) {
		room(&f->op[i], 6);
		post_pending(i % 2 ? &p : &f->p, f->rx, &f->op[i]);
	}
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdef", 6, 20);
	reap_piece(&p, &f->op[1], "ghijkl", 6, 14);
	reap_piece(&f->p, &f->op[2], "mnopqr", 6, 8);
	room(&f->op[3], 6);
	op_result(&f->op[3]);
	want(post(&p, f->rx, &f->op[3]), 1);
	want_piece(&f->op[3], "st", 2, 2);
	port_close(&p);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 3, .bytes = 20, .arrived = 1 });
}

/* One that the closing port would have had goes to the next. */
static void port_closed_between_pieces(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	bind_partial(f);
	room(&f->op[0], 6);
	room(&f->op[1], 6);
	post_pending(&p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&p, &f->op[0], "abcdef", 6, 20);
	port_close(&p);
	take_room(f, 2, 20);
	want_piece(&f->op[2], "ghijklmnopqrst", 14, 14);
}

static void inv2_bad_post_takes_no_piece(void **state)
{
	struct fix *f = *state;
	struct port tiny;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);

	row("bad buffer");
	room(&f->op[1], 8);
	f->op[1].seg[0].addr = PAGE;
	want(post(&f->p, f->rx, &f->op[1]), -EFAULT);
	row("bad result");
	room(&f->op[1], 8);
	f->op[1].r.result = PAGE;
	want(post(&f->p, f->rx, &f->op[1]), -EFAULT);
	row("no room in the completion queue");
	port_open(&tiny, 1, 0);
	room(&f->op[2], 4);
	want(post(&tiny, f->rx, &f->op[2]), 1);
	room(&f->op[1], 8);
	want(post(&tiny, f->rx, &f->op[1]), -EAGAIN);
	want_true(is_poison(f->op[1].data, OP_DATA));
	reap_piece(&tiny, &f->op[2], "ijkl", 4, 12);
	port_close(&tiny);

	take_room(f, 1, 8);
	want_piece(&f->op[1], "mnopqrst", 8, 8);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });
}

/* recv(2) and its relatives know nothing of pieces. */
static void native_calls_see_it_whole(void **state)
{
	struct fix *f = *state;
	int bytes = -1;
	char c[32];

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);

	row("looked at: the pieces go on");
	want(sys(recv(f->rx, c, sizeof(c), MSG_PEEK)), 20);
	want(memcmp(c, twenty, 20), 0);
	sys(ioctl(f->rx, FIONREAD, &bytes));
	want(bytes, 20);
	take_room(f, 1, 8);
	want_piece(&f->op[1], "ijklmnop", 8, 12);

	row("taken: there is no rest");
	native_recv(f->rx, twenty, 20);
	room(&f->op[2], 8);
	f->op[2].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[2]), -EAGAIN);
	want_counts(f, (struct counts){
		.native = 1, .pieces = 2, .bytes = 16, .arrived = 1 });
}

/* The next one often comes in the memory of the one before. */
static void datagram_taken_natively_is_not_mistaken_for_the_next(void **state)
{
	unsigned int n = (unsigned int)scaled("ODG_ROUNDS", 100);
	struct fix *f = *state;

	bind_partial(f);
	for (unsigned int i = 0; i < n; i++) {
		post_room(f, 0, 8);
		send_str(f->tx, f->rx, twenty);
		reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
		native_recv(f->rx, twenty, 20);
		queue_str(f->tx, f->rx, twenty);
		take_room(f, 1, 19);
		want_piece(&f->op[1], twenty, 19, 20);
		native_recv(f->rx, twenty, 20);
	}
	want_counts(f, (struct counts){ .native = 2 * n, .pieces = 2 * n,
		.bytes = 27 * n, .arrived = 2 * n });
}

static void inv7_unbind_leaves_it_whole(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want(odg_unbind(&f->p, f->rx), 0);

	row("bound anew: from its beginning");
	bind_partial(f);
	take_room(f, 1, 8);
	want_piece(&f->op[1], "abcdefgh", 8, 20);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 1, .bytes = 8, .arrived = 1 });
	want(odg_unbind(&f->p, f->rx), 0);
	native_recv(f->rx, twenty, 20);
}

static void inv7_close_with_a_rest_kept(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 3; i++) {
		int s = udp(f->family);

		want(odg_bind(&f->p, s, ODG_BIND_PARTIAL), 0);
		room(&f->op[i], 8);
		post_pending(&f->p, s, &f->op[i]);
		send_str(f->tx, s, twenty);
		reap_piece(&f->p, &f->op[i], "abcdefgh", 8, 20);
		queue_str(f->tx, s, "behind it");
		sys(close(s));
	}
	want_none(&f->p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(a57_long_datagram_fills_the_posts_in_order),
		T46(a57_rest_is_kept_for_later_posts),
		T46(a57_datagram_that_waited_comes_in_pieces),
		T(a57_scattered_pieces),
		T(what_fits_takes_the_short_way),
		T(b_rx3_receive_without_room_takes_nothing),
		T(a56_without_the_flag_the_rest_is_lost),
		T(flag_taken_back_with_a_rest_kept),
		T46(inv1_rest_is_not_overtaken),
		T(inv2_cancel_between_pieces_loses_nothing),
		T(a57_pieces_go_to_several_ports),
		T(port_closed_between_pieces),
		T(inv2_bad_post_takes_no_piece),
		T46(native_calls_see_it_whole),
		T(datagram_taken_natively_is_not_mistaken_for_the_next),
		T46(inv7_unbind_leaves_it_whole),
		T46(inv7_close_with_a_rest_kept),
	};
	return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
