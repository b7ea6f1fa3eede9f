// SPDX-License-Identifier: MIT
/* Arbitration of a feed's lines (odgram_feed.h). */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "odgram_feed.h"

/* All events of a test, one word each: "new 5+2@0". */
struct log {
	char text[4096];
};

static void note(const struct odg_feed_event *e, void *arg)
{
	static const char * const names[] = {
		[ODG_FEED_NEW] = "new", [ODG_FEED_GAP] = "gap",
		[ODG_FEED_FILLED] = "filled", [ODG_FEED_LOST] = "lost",
		[ODG_FEED_RESTART] = "restart", [ODG_FEED_END] = "end",
	};
	struct log *log = arg;
	size_t n = strlen(log->text);

	snprintf(log->text + n, sizeof(log->text) - n, "%s%s %llu+%llu",
		 n ? ", " : "", names[e->what], (unsigned long long)e->seq,
		 (unsigned long long)e->count);
}

static void expect(struct log *log, const char *text)
{
	assert_string_equal(log->text, text);
	log->text[0] = 0;
}

static struct odg_feed *open_feed(const char *format, uint32_t lines,
				  uint32_t window, uint64_t hold_ns,
				  struct log *log)
{
	struct odg_feed_options opt = {
		.lines = lines,
		.window = window,
		.hold_ns = hold_ns,
		.observer = note,
		.arg = log,
	};
	struct odg_feed *feed = NULL;

	log->text[0] = 0;
	assert_int_equal(odg_feed_format_parse(format, &opt.format), 0);
	assert_int_equal(odg_feed_open(&feed, &opt), 0);
	return feed;
}

static int push_mold(struct odg_feed *feed, uint32_t line, char session,
		     uint64_t seq, unsigned int count, uint64_t now_ns)
{
	uint8_t p[20];
	int i;

	memset(p, session, 10);
	for (i = 0; i < 8; i++)
		p[10 + i] = (uint8_t)(seq >> (56 - 8 * i));
	p[18] = (uint8_t)(count >> 8);
	p[19] = (uint8_t)count;
	return odg_feed_push(feed, line, p, sizeof(p), now_ns);
}

static void first_copy_wins(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 64, 0, &log);

	(void)state;
	assert_int_equal(push_mold(f, 0, 'a', 100, 2, 1), 2);
	assert_int_equal(push_mold(f, 1, 'a', 100, 2, 2), 0);
	assert_int_equal(push_mold(f, 1, 'a', 102, 1, 3), 1);
	assert_int_equal(push_mold(f, 0, 'a', 102, 1, 4), 0);
	expect(&log, "new 100+2, new 102+1");
	odg_feed_finish(f);
	expect(&log, "");
	assert_int_equal(odg_feed_stats(f)->messages, 3);
	assert_int_equal(odg_feed_stats(f)->duplicates, 3);
	assert_int_equal(odg_feed_stats(f)->line[0].first, 2);
	assert_int_equal(odg_feed_stats(f)->line[1].first, 1);
	assert_int_equal(odg_feed_stats(f)->line[0].missing, 0);
	odg_feed_close(f);
}

static void other_line_fills_a_gap(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 64, 0, &log);

	(void)state;
	push_mold(f, 0, 'a', 1, 1, 0);
	push_mold(f, 0, 'a', 4, 1, 0);
	expect(&log, "new 1+1, gap 2+2, new 4+1");
	push_mold(f, 1, 'a', 1, 4, 0);
	expect(&log, "filled 2+2, new 2+2");
	odg_feed_finish(f);
	expect(&log, "");
	assert_int_equal(odg_feed_stats(f)->gaps, 1);
	assert_int_equal(odg_feed_stats(f)->gapped, 2);
	assert_int_equal(odg_feed_stats(f)->filled, 2);
	assert_int_equal(odg_feed_stats(f)->line[0].missing, 2);
	assert_int_equal(odg_feed_stats(f)->line[1].missing, 0);
	odg_feed_close(f);
}

static void datagram_partly_new(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 64, 0, &log);

	(void)state;
	push_mold(f, 0, 'a', 1, 2, 0);
	push_mold(f, 0, 'a', 5, 2, 0);
	expect(&log, "new 1+2, gap 3+2, new 5+2");
	/* 2..8: 2 known, 3 and 4 fill, 5 and 6 known, 7 and 8 new */
	assert_int_equal(push_mold(f, 1, 'a', 2, 7, 0), 4);
	expect(&log, "filled 3+2, new 3+2, new 7+2");
	odg_feed_close(f);
}

static void window_gives_up(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("8:4", 1, 32, 0, &log);
	uint8_t p[12] = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 34; i++) {
		p[11] = (uint8_t)(i < 1 ? 0 : i + 1);
		odg_feed_push(f, 0, p, sizeof(p), 0);
	}
	assert_non_null(strstr(log.text, "gap 1+1"));
	assert_non_null(strstr(log.text, "lost 1+1"));
	assert_int_equal(odg_feed_stats(f)->lost, 1);
	/* it comes after all */
	p[11] = 1;
	assert_int_equal(odg_feed_push(f, 0, p, sizeof(p), 0), 0);
	assert_int_equal(odg_feed_stats(f)->late, 1);
	/* and once more: a copy like any other */
	odg_feed_push(f, 0, p, sizeof(p), 0);
	assert_int_equal(odg_feed_stats(f)->late, 1);
	assert_int_equal(odg_feed_stats(f)->duplicates, 1);
	odg_feed_close(f);
}

static void hold_time_gives_up(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 1024, 100, &log);

	(void)state;
	push_mold(f, 0, 'a', 1, 1, 1000);
	push_mold(f, 0, 'a', 3, 1, 1010);
	odg_feed_expire(f, 1109);
	expect(&log, "new 1+1, gap 2+1, new 3+1");
	odg_feed_expire(f, 1110);
	expect(&log, "lost 2+1");
	odg_feed_expire(f, 9999);
	expect(&log, "");
	odg_feed_close(f);
}

static void reordering_is_no_loss(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 1, 64, 0, &log);

	(void)state;
	push_mold(f, 0, 'a', 1, 1, 0);
	push_mold(f, 0, 'a', 3, 1, 0);
	push_mold(f, 0, 'a', 2, 1, 0);
	push_mold(f, 0, 'a', 2, 1, 0);
	odg_feed_finish(f);
	assert_int_equal(odg_feed_stats(f)->line[0].reordered, 1);
	assert_int_equal(odg_feed_stats(f)->line[0].repeated, 1);
	assert_int_equal(odg_feed_stats(f)->filled, 1);
	assert_int_equal(odg_feed_stats(f)->lost, 0);
	odg_feed_close(f);
}

static void narrow_numbers_wrap(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("0:1:le", 1, 64, 0, &log);
	uint8_t seq;
	int i;

	(void)state;
	for (i = 250; i < 1300; i++) {
		seq = (uint8_t)i;
		assert_int_equal(odg_feed_push(f, 0, &seq, 1, 0), 1);
	}
	assert_int_equal(odg_feed_stats(f)->messages, 1050);
	assert_int_equal(odg_feed_stats(f)->gaps, 0);
	odg_feed_close(f);
}

static void new_session_restarts(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 64, 0, &log);

	(void)state;
	push_mold(f, 0, 'a', 50, 1, 0);
	push_mold(f, 0, 'a', 52, 1, 0);
	log.text[0] = 0;
	push_mold(f, 0, 'b', 1, 1, 0);
	expect(&log, "lost 51+1, restart 1+1, new 1+1");
	odg_feed_close(f);
}

static void one_wild_number_is_not_believed(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 1, 64, 0, &log);
	uint64_t i;

	(void)state;
	push_mold(f, 0, 'a', 1000, 1, 0);
	assert_int_equal(push_mold(f, 0, 'a', 1ULL << 60, 1, 0), 0);
	assert_int_equal(push_mold(f, 0, 'a', 1001, 1, 0), 1);
	expect(&log, "new 1000+1, new 1001+1");
	/* back to the beginning for good */
	for (i = 1; i < 9; i++)
		push_mold(f, 0, 'a', i, 1, 0);
	expect(&log, "restart 8+1, new 8+1");
	assert_int_equal(odg_feed_stats(f)->outside, 8);
	assert_int_equal(odg_feed_stats(f)->restarts, 1);
	odg_feed_close(f);
}

static void heartbeat_shows_a_gap_and_the_end(void **state)
{
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 1, 64, 0, &log);

	(void)state;
	push_mold(f, 0, 'a', 1, 1, 0);
	assert_int_equal(push_mold(f, 0, 'a', 2, 0, 0), 0);
	expect(&log, "new 1+1");
	assert_int_equal(push_mold(f, 0, 'a', 4, 0, 0), 0);
	expect(&log, "gap 2+2");
	push_mold(f, 0, 'a', 4, 0xffff, 0);
	expect(&log, "end 4+1");
	odg_feed_finish(f);
	expect(&log, "lost 2+2");
	assert_int_equal(odg_feed_stats(f)->line[0].missing, 2);
	odg_feed_close(f);
}

static void bad_input_is_refused(void **state)
{
	struct odg_feed_options opt = { .lines = 1, .format.seq_width = 4 };
	struct odg_feed_format format;
	struct odg_feed *f = NULL;
	struct log log;
	static const char * const bad[] = {
		"", "moldudp", "8", "8:", "8:3", "x:4", "8:4:", "8:4:xe",
		"8:4:le ", "99999:4", "-1:4", "8:16",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(odg_feed_format_parse(bad[i], &format), -EINVAL);
	opt.lines = 0;
	assert_int_equal(odg_feed_open(&f, &opt), -EINVAL);
	opt.lines = ODG_FEED_MAX_LINES + 1;
	assert_int_equal(odg_feed_open(&f, &opt), -EINVAL);
	opt.lines = 1;
	opt.window = ODG_FEED_MAX_WINDOW + 1;
	assert_int_equal(odg_feed_open(&f, &opt), -EINVAL);
	opt.window = 0;
	opt.format.count_width = 3;
	assert_int_equal(odg_feed_open(&f, &opt), -EINVAL);
	assert_null(f);

	f = open_feed("moldudp64", 1, 64, 0, &log);
	assert_int_equal(odg_feed_push(f, 0, "short", 5, 0), -EBADMSG);
	assert_int_equal(push_mold(f, 1, 'a', 1, 1, 0), -EINVAL);
	assert_int_equal(odg_feed_stats(f)->malformed, 1);
	assert_int_equal(odg_feed_stats(f)->line[0].datagrams, 0);
	expect(&log, "");
	odg_feed_close(f);
	odg_feed_close(NULL);
}

/* Against a plain account of the same datagrams: seen by anybody or not. */
#define SIM_MESSAGES	20000
static void agrees_with_a_plain_account(void **state)
{
	static uint8_t by[SIM_MESSAGES];
	struct log log;
	struct odg_feed *f = open_feed("moldudp64", 2, 1024, 0, &log);
	uint64_t sent = 0, distinct = 0, i;
	unsigned int line;

	(void)state;
	srand(7);
	memset(by, 0, sizeof(by));
	push_mold(f, 0, 'a', 0, 1, 0);
	by[0] = 1;
	sent = 1;
	for (i = 1; i < SIM_MESSAGES; i++) {
		for (line = 0; line < 2; line++) {
			uint64_t seq = i;

			if (rand() % 20 == 0)
				continue;
			/* an earlier one once more, or late for the first time */
			if (rand() % 16 == 0 && i > 200)
				seq = i - (uint64_t)(rand() % 200);
			push_mold(f, line, 'a', seq, 1, 0);
			by[seq] |= (uint8_t)(1U << line);
			sent++;
		}
	}
	push_mold(f, 0, 'a', SIM_MESSAGES, 0, 0);
	odg_feed_finish(f);
	for (i = 0; i < SIM_MESSAGES; i++)
		distinct += !!by[i];
	assert_true(distinct < SIM_MESSAGES);
	assert_int_equal(odg_feed_stats(f)->messages, distinct);
	assert_int_equal(odg_feed_stats(f)->lost, SIM_MESSAGES - distinct);
	assert_int_equal(odg_feed_stats(f)->duplicates, sent - distinct);
	assert_int_equal(odg_feed_stats(f)->gapped,
			 odg_feed_stats(f)->filled + odg_feed_stats(f)->lost);
	for (line = 0; line < 2; line++) {
		uint64_t missing = 0;

		for (i = 0; i < SIM_MESSAGES; i++)
			missing += !(by[i] >> line & 1);
		assert_int_equal(odg_feed_stats(f)->line[line].missing, missing);
	}
	odg_feed_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_copy_wins),
		cmocka_unit_test(other_line_fills_a_gap),
		cmocka_unit_test(datagram_partly_new),
		cmocka_unit_test(window_gives_up),
		cmocka_unit_test(hold_time_gives_up),
		cmocka_unit_test(reordering_is_no_loss),
		cmocka_unit_test(narrow_numbers_wrap),
		cmocka_unit_test(new_session_restarts),
		cmocka_unit_test(one_wild_number_is_not_believed),
		cmocka_unit_test(heartbeat_shows_a_gap_and_the_end),
		cmocka_unit_test(bad_input_is_refused),
		cmocka_unit_test(agrees_with_a_plain_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
