// SPDX-License-Identifier: MIT
/*
 * Arbitration of the lines of a feed.  No locks: a feed belongs to one thread.
 *
 * Messages are numbered in 64 bits from the feed's first one on.  All below
 * "settled" are decided: seen by somebody or lost.  Those from there up to "end"
 * are the open window: seen or missing.  A byte a message says which lines brought
 * it; the ring of them holds twice the window, so that a copy of one decided is
 * told from one that was lost, and a line may lag behind.
 *
 *      oldest                  settled            end
 *   ...|-- decided, remembered --|-- open window --|
 *      |<----------- 2 windows at the most ------->|
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "odgram_feed.h"

#define DEFAULT_WINDOW	65536U
#define MAX_SESSION	16

/* So many datagrams in a row outside the window: the numbers began anew. */
#define OUTSIDE_LIMIT	8

struct odg_feed {
	struct odg_feed_options opt;
	struct odg_feed_stats stats;
	uint64_t oldest;
	uint64_t settled;
	uint64_t end;
	uint64_t stuck_ns;		/* since when settled < end waits */
	uint64_t highest[ODG_FEED_MAX_LINES];	/* end of what the line brought */
	uint64_t mask;			/* of positions in the ring */
	uint8_t *seen;			/* a byte a message: bit n is line n's */
	uint32_t outside_run;
	uint32_t line;			/* of the datagram at hand */
	bool started;
	uint8_t session[MAX_SESSION];
};

/* A datagram's header, read. */
struct header {
	uint64_t seq;
	uint32_t count;
	bool end;
};

int odg_feed_format_parse(const char *text, struct odg_feed_format *format)
{
	unsigned int offset, width;
	int used = 0;

	if (!strcmp(text, "moldudp64")) {
		*format = (struct odg_feed_format){
			.session_len = 10,
			.seq_offset = 10,
			.seq_width = 8,
			.count_offset = 18,
			.count_width = 2,
			.end_of_session = 0xffff,
		};
		return 0;
	}
	if (sscanf(text, "%5u:%1u%n", &offset, &width, &used) != 2 ||
	    offset > UINT16_MAX - 8 ||
	    (width != 1 && width != 2 && width != 4 && width != 8))
		return -EINVAL;
	text += used;
	if (*text && strcmp(text, ":be") && strcmp(text, ":le"))
		return -EINVAL;
	*format = (struct odg_feed_format){
		.seq_offset = (uint16_t)offset,
		.seq_width = (uint8_t)width,
		.little_endian = !strcmp(text, ":le"),
	};
	return 0;
}

static bool width_is_good(unsigned int width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool options_are_good(const struct odg_feed_options *opt)
{
	const struct odg_feed_format *f = &opt->format;

	return opt->lines && opt->lines <= ODG_FEED_MAX_LINES &&
	       opt->window <= ODG_FEED_MAX_WINDOW &&
	       width_is_good(f->seq_width) && f->count_width <= 4 &&
	       (!f->count_width || width_is_good(f->count_width)) &&
	       f->session_len <= MAX_SESSION;
}

int odg_feed_open(struct odg_feed **out, const struct odg_feed_options *opt)
{
	uint64_t ring = 64;
	struct odg_feed *feed;

	if (!options_are_good(opt))
		return -EINVAL;
	feed = calloc(1, sizeof(*feed));
	if (!feed)
		return -ENOMEM;
	feed->opt = *opt;
	while (ring < 2ULL * (opt->window ? opt->window : DEFAULT_WINDOW))
		ring *= 2;
	feed->opt.window = (uint32_t)(ring / 2);
	feed->mask = ring - 1;
	feed->seen = calloc(ring, 1);
	if (!feed->seen) {
		free(feed);
		return -ENOMEM;
	}
	*out = feed;
	return 0;
}

void odg_feed_close(struct odg_feed *feed)
{
	if (!feed)
		return;
	free(feed->seen);
	free(feed);
}

const struct odg_feed_stats *odg_feed_stats(const struct odg_feed *feed)
{
	return &feed->stats;
}

static uint64_t load(const uint8_t *p, unsigned int width, bool little)
{
	uint64_t v = 0;
	unsigned int i;

	for (i = 0; i < width; i++)
		v = v << 8 | p[little ? width - 1 - i : i];
	return v;
}

static bool fits(size_t len, size_t offset, size_t width)
{
	return len >= offset + width;
}

/* widen - a number of the datagram near what the feed expects next */
static uint64_t widen(const struct odg_feed *feed, uint64_t seq)
{
	unsigned int shift = 64 - 8 * feed->opt.format.seq_width;

	if (!shift || !feed->started)
		return seq;
	/* The signed distance, so numbers may wrap and may go back. */
	return feed->end +
	       (uint64_t)((int64_t)((seq - feed->end) << shift) >> shift);
}

static bool read_header(const struct odg_feed *feed, const uint8_t *p,
			size_t len, struct header *h)
{
	const struct odg_feed_format *f = &feed->opt.format;

	if (!fits(len, f->seq_offset, f->seq_width) ||
	    !fits(len, f->count_offset, f->count_width) ||
	    !fits(len, f->session_offset, f->session_len))
		return false;
	h->seq = load(p + f->seq_offset, f->seq_width, f->little_endian);
	h->count = 1;
	if (f->count_width)
		h->count = (uint32_t)load(p + f->count_offset, f->count_width,
					  f->little_endian);
	h->end = f->end_of_session && h->count == f->end_of_session;
	if (h->end)
		h->count = 0;
	return true;
}

static void tell(const struct odg_feed *feed, enum odg_feed_what what,
		 uint64_t seq, uint64_t count, uint32_t index)
{
	struct odg_feed_event event = {
		.what = what,
		.line = feed->line,
		.seq = seq,
		.count = count,
		.index = index,
	};

	if (feed->opt.observer && count)
		feed->opt.observer(&event, feed->opt.arg);
}

static uint8_t *at(const struct odg_feed *feed, uint64_t seq)
{
	return &feed->seen[seq & feed->mask];
}

/* settle - decide everything below @until, which is at most end */
static void settle(struct odg_feed *feed, uint64_t until)
{
	uint64_t lost_from = 0, lost = 0;

	for (; feed->settled < until; feed->settled++) {
		if (!*at(feed, feed->settled)) {
			if (!lost++)
				lost_from = feed->settled;
			continue;
		}
		feed->stats.lost += lost;
		tell(feed, ODG_FEED_LOST, lost_from, lost, 0);
		lost = 0;
	}
	feed->stats.lost += lost;
	tell(feed, ODG_FEED_LOST, lost_from, lost, 0);
}

/* forget - which lines have not brought those before @until is known now */
static void forget(struct odg_feed *feed, uint64_t until)
{
	uint32_t i;

	for (; feed->oldest < until; feed->oldest++)
		for (i = 0; i < feed->opt.lines; i++)
			feed->stats.line[i].missing +=
				!(*at(feed, feed->oldest) >> i & 1);
}

/* settle_seen - nothing is missing before the oldest gap */
static void settle_seen(struct odg_feed *feed, uint64_t now_ns)
{
	uint64_t until = feed->settled;

	while (until < feed->end && *at(feed, until))
		until++;
	if (until == feed->settled)
		return;
	settle(feed, until);
	feed->stuck_ns = now_ns;
}

/* first_seen_from - end of the gap at @seq */
static uint64_t first_seen_from(const struct odg_feed *feed, uint64_t seq)
{
	while (seq < feed->end && !*at(feed, seq))
		seq++;
	return seq;
}

void odg_feed_expire(struct odg_feed *feed, uint64_t now_ns)
{
	if (!feed->opt.hold_ns || feed->settled == feed->end ||
	    now_ns - feed->stuck_ns < feed->opt.hold_ns)
		return;
	settle(feed, first_seen_from(feed, feed->settled));
	feed->stuck_ns = now_ns;
	settle_seen(feed, now_ns);
}

void odg_feed_finish(struct odg_feed *feed)
{
	settle(feed, feed->end);
	forget(feed, feed->end);
}

/* start - the next datagram's first message is the feed's first one */
static void start(struct odg_feed *feed, uint64_t seq, uint64_t now_ns)
{
	uint32_t i;

	memset(feed->seen, 0, feed->mask + 1);
	feed->oldest = seq;
	feed->settled = seq;
	feed->end = seq;
	feed->stuck_ns = now_ns;
	feed->outside_run = 0;
	feed->started = true;
	for (i = 0; i < feed->opt.lines; i++)
		feed->highest[i] = seq;
}

static void restart(struct odg_feed *feed, uint64_t seq, uint64_t now_ns)
{
	odg_feed_finish(feed);
	start(feed, seq, now_ns);
	feed->stats.restarts++;
	tell(feed, ODG_FEED_RESTART, seq, 1, 0);
}

/* reach - make all before @end part of the open window, missing as yet */
static void reach(struct odg_feed *feed, uint64_t end, uint64_t now_ns)
{
	if (feed->settled == feed->end)
		feed->stuck_ns = now_ns;
	if (end - feed->settled > feed->opt.window) {
		/* Not above feed->end: is_outside() has seen to that. */
		settle(feed, end - feed->opt.window);
		feed->stuck_ns = now_ns;
	}
	if (end - feed->oldest > feed->mask)
		forget(feed, end - feed->mask);
	while (feed->end < end)
		*at(feed, feed->end++) = 0;
}

/* is_outside - too far from what the feed expects to be believed at once */
static bool is_outside(const struct odg_feed *feed, const struct header *h)
{
	uint64_t window = feed->opt.window;

	if (h->seq < feed->end)
		return h->seq < feed->oldest;
	return h->seq - feed->end > window ||
	       h->seq + h->count - feed->end > window;
}

/*
 * follow - see to it that the datagram lies in reach of the window; false if it
 * does not and is to be ignored
 */
static bool follow(struct odg_feed *feed, const struct header *h,
		   const uint8_t *payload, uint64_t now_ns)
{
	const struct odg_feed_format *f = &feed->opt.format;
	const uint8_t *session = payload + f->session_offset;

	if (!feed->started) {
		memcpy(feed->session, session, f->session_len);
		start(feed, h->seq, now_ns);
	} else if (memcmp(feed->session, session, f->session_len)) {
		memcpy(feed->session, session, f->session_len);
		restart(feed, h->seq, now_ns);
	} else if (!is_outside(feed, h)) {
		feed->outside_run = 0;
	} else if (++feed->outside_run < OUTSIDE_LIMIT) {
		feed->stats.outside++;
		return false;
	} else {
		restart(feed, h->seq, now_ns);
	}
	return true;
}

/* take - one message; true if this is its first copy */
static bool take(struct odg_feed *feed, uint64_t seq, bool was_open)
{
	struct odg_feed_line_stats *line = &feed->stats.line[feed->line];
	uint8_t *who = at(feed, seq), me = (uint8_t)(1U << feed->line);
	bool first = !*who;

	line->messages++;
	line->repeated += !!(*who & me);
	if (seq >= feed->highest[feed->line])
		feed->highest[feed->line] = seq + 1;
	else
		line->reordered += !(*who & me);
	*who |= me;
	if (!first) {
		feed->stats.duplicates++;
	} else if (seq < feed->settled) {
		feed->stats.late++;
		first = false;
	} else {
		feed->stats.messages++;
		feed->stats.filled += was_open;
		line->first++;
	}
	return first;
}

/* A run of first copies in a datagram, told when it ends. */
struct run {
	uint64_t seq;
	uint32_t count;
	uint32_t index;
	bool was_open;
};

static void tell_run(const struct odg_feed *feed, struct run *run)
{
	if (run->was_open)
		tell(feed, ODG_FEED_FILLED, run->seq, run->count, run->index);
	tell(feed, ODG_FEED_NEW, run->seq, run->count, run->index);
	run->count = 0;
}

/* take_all - the messages of a datagram; those before @reached were missing */
static int take_all(struct odg_feed *feed, const struct header *h,
		    uint64_t reached)
{
	struct run run = { 0 };
	int fresh = 0;
	uint32_t i;

	for (i = 0; i < h->count; i++) {
		uint64_t seq = h->seq + i;
		bool was_open = seq < reached;

		if (run.count && run.was_open != was_open)
			tell_run(feed, &run);
		if (!take(feed, seq, was_open)) {
			tell_run(feed, &run);
			continue;
		}
		if (!run.count)
			run = (struct run){ seq, 0, i, was_open };
		run.count++;
		fresh++;
	}
	tell_run(feed, &run);
	return fresh;
}

int odg_feed_push(struct odg_feed *feed, uint32_t line, const void *payload,
		  size_t len, uint64_t now_ns)
{
	uint64_t reached;
	struct header h;
	int fresh;

	if (line >= feed->opt.lines)
		return -EINVAL;
	if (!read_header(feed, payload, len, &h)) {
		feed->stats.malformed++;
		return -EBADMSG;
	}
	h.seq = widen(feed, h.seq);
	feed->line = line;
	if (!follow(feed, &h, payload, now_ns))
		return 0;

	feed->stats.line[line].datagrams++;
	if (h.seq > feed->end) {
		feed->stats.gaps++;
		feed->stats.gapped += h.seq - feed->end;
		tell(feed, ODG_FEED_GAP, feed->end, h.seq - feed->end, 0);
	}
	reached = feed->end;
	if (h.seq + h.count > reached)
		reach(feed, h.seq + h.count, now_ns);
	fresh = take_all(feed, &h, reached);
	if (h.end)
		tell(feed, ODG_FEED_END, h.seq, 1, 0);
	settle_seen(feed, now_ns);
	odg_feed_expire(feed, now_ns);
	return fresh;
}
