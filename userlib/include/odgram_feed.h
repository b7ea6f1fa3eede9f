/* SPDX-License-Identifier: MIT */
/*
 * odgram: one feed that comes by several lines.
 *
 * A market data feed numbers its messages and sends them by two or more lines (A
 * and B), each of which may lose, repeat and reorder datagrams.  Here their
 * sequence numbers are arbitrated: the first copy of a message to arrive is the
 * one to use, whichever line brought it, and what no line brought is named.
 *
 * Nothing is delayed: the first copy is reported when it comes, also when it
 * fills a gap.  Nothing here receives; it works on payloads from anywhere.
 *
 * A missing message is a gap that is open until a line brings the message.  It is
 * lost when the feed has gone on by a window of messages, or has waited for
 * hold_ns; a copy that comes still later is counted as late and not reported.
 *
 * Threads: a feed belongs to one at a time.  No system calls but malloc() in
 * odg_feed_open().
 */
#ifndef ODGRAM_FEED_H
#define ODGRAM_FEED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ODG_FEED_MAX_LINES	8
#define ODG_FEED_MAX_WINDOW	(1U << 24)	/* messages */

/**
 * struct odg_feed_format - where a datagram says what it carries
 * @seq_offset: of the sequence number of its first message, bytes
 * @seq_width: 1, 2, 4 or 8 bytes.  A number that wraps is followed.
 * @count_offset: of its number of messages, bytes
 * @count_width: 1, 2 or 4 bytes; 0: each datagram is one message
 * @session_offset: of bytes that change when the numbers start anew
 * @session_len: up to 16 bytes; 0: no such thing
 * @little_endian: both numbers are, else big endian
 * @end_of_session: a count that stands for "no more messages", 0 for none
 */
struct odg_feed_format {
	uint16_t seq_offset;
	uint16_t count_offset;
	uint16_t session_offset;
	uint8_t seq_width;
	uint8_t count_width;
	uint8_t session_len;
	uint8_t little_endian;
	uint32_t end_of_session;
};

/**
 * odg_feed_format_parse - a format from its name or description
 * @text: "moldudp64", or "OFFSET:WIDTH" with ":be" (the default) or ":le"
 *	behind it: the sequence number alone, one message a datagram
 * @format: filled
 *
 * Returns 0 or -EINVAL.
 */
int odg_feed_format_parse(const char *text, struct odg_feed_format *format);

/* What happened to the messages of a feed. */
enum odg_feed_what {
	ODG_FEED_NEW,		/* the first copies: use them */
	ODG_FEED_GAP,		/* passed over, so missing for now */
	ODG_FEED_FILLED,	/* was missing and came; an ODG_FEED_NEW follows */
	ODG_FEED_LOST,		/* missing for good */
	ODG_FEED_RESTART,	/* the numbers start anew at @seq */
	ODG_FEED_END,		/* the feed said that nothing follows */
};

/**
 * struct odg_feed_event - a run of messages and what happened to it
 * @what: which
 * @line: who brought the datagram, or the line counted last where none did
 * @seq: sequence number of the first message, widened to 64 bits
 * @count: messages
 * @index: ODG_FEED_NEW: place of the first one in the datagram, from 0
 */
struct odg_feed_event {
	enum odg_feed_what what;
	uint32_t line;
	uint64_t seq;
	uint64_t count;
	uint32_t index;
};

typedef void (*odg_feed_observer)(const struct odg_feed_event *event, void *arg);

/**
 * struct odg_feed_options - how to open a feed
 * @format: of its datagrams
 * @lines: 1 .. ODG_FEED_MAX_LINES
 * @window: messages the feed may go on before a gap is lost; 0: 65536.  Rounded
 *	up to a power of two, at most ODG_FEED_MAX_WINDOW.
 * @hold_ns: the oldest gap is lost when nothing filled it for so long; 0: by
 *	@window alone
 * @observer: told of every event, from inside odg_feed_push() and the rest; it
 *	must not call them
 * @arg: handed on to it
 */
struct odg_feed_options {
	struct odg_feed_format format;
	uint32_t lines;
	uint32_t window;
	uint64_t hold_ns;
	odg_feed_observer observer;
	void *arg;
};

/**
 * struct odg_feed_line_stats - one line's part, in messages but for @datagrams
 * @datagrams: arrived and well formed
 * @messages: in them, repeats included
 * @first: the line was first with
 * @repeated: the line itself had brought before
 * @reordered: came behind a later one of the same line
 * @missing: the line has not brought; known two windows later, and at the end
 */
struct odg_feed_line_stats {
	uint64_t datagrams;
	uint64_t messages;
	uint64_t first;
	uint64_t repeated;
	uint64_t reordered;
	uint64_t missing;
};

/**
 * struct odg_feed_stats - the feed as a whole, in messages but for the last four
 * @messages: first copies
 * @duplicates: further copies
 * @gapped: were missing at some time
 * @filled: of those, came
 * @lost: of those, did not come in time
 * @late: of the lost, came after all
 * @gaps: runs of missing messages when they were noticed
 * @malformed: datagrams too short for their fields
 * @outside: datagrams ignored since their numbers are too far from the window,
 *	or before the first of all; eight in a row start the numbers anew
 * @restarts: times the numbers started anew
 *
 * After odg_feed_finish(), gapped = filled + lost.
 */
struct odg_feed_stats {
	uint64_t messages;
	uint64_t duplicates;
	uint64_t gapped;
	uint64_t filled;
	uint64_t lost;
	uint64_t late;
	uint64_t gaps;
	uint64_t malformed;
	uint64_t outside;
	uint64_t restarts;
	struct odg_feed_line_stats line[ODG_FEED_MAX_LINES];
};

struct odg_feed;

/* Returns 0, -EINVAL (a value out of range) or -ENOMEM. */
int odg_feed_open(struct odg_feed **feed, const struct odg_feed_options *options);
void odg_feed_close(struct odg_feed *feed);	/* NULL is allowed */

/**
 * odg_feed_push - arbitrate one datagram
 * @line: which brought it, from 0
 * @payload: of @len bytes; looked at during the call only
 * @now_ns: when it arrived, by any clock that does not go back
 *
 * Returns the number of messages in it that are new, -EBADMSG if it is too short
 * for its fields, -EINVAL for a line there is not.
 */
int odg_feed_push(struct odg_feed *feed, uint32_t line, const void *payload,
		  size_t len, uint64_t now_ns);

/* Time has passed and nothing came: gaps older than hold_ns are lost. */
void odg_feed_expire(struct odg_feed *feed, uint64_t now_ns);

/* Nothing comes any more: all gaps are lost. */
void odg_feed_finish(struct odg_feed *feed);

/* Filled as of now; good until odg_feed_close(). */
const struct odg_feed_stats *odg_feed_stats(const struct odg_feed *feed);

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_FEED_H */
