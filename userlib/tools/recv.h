/* SPDX-License-Identifier: MIT */
/* odgram recv: what its halves share, receiving (recv.c) and telling (recv_report.c). */
#ifndef ODG_RECV_H
#define ODG_RECV_H

#include <odgram_feed.h>
#include <stdbool.h>
#include <stdio.h>

#include "latency.h"
#include "line.h"

#define MAX_LOSSES	1000		/* runs of lost messages that are named */

struct loss {
	unsigned int channel;
	uint64_t seq;
	uint64_t count;
};

/* A feed of its own: the n-th group of each line. */
struct channel {
	struct receiver *r;
	unsigned int number;		/* from 0 */
	struct odg_feed *feed;		/* NULL without a format */
};

struct receiver {
	struct lines lines;
	struct channel *channel;
	unsigned int nr_channels;
	/* what was asked for */
	const char *format;
	const char *write_path;
	const char *svg_path;
	const char *json_path;		/* NULL: standard output */
	FILE *json_out;			/* NULL: text */
	uint64_t max_datagrams;
	uint64_t max_ns;
	uint64_t idle_ns;
	uint64_t hold_ns;
	uint32_t window;
	long cpu;
	bool spin;
	bool json;
	bool quiet;
	bool events;
	/* what came of it */
	struct capture_writer *writer;
	uint64_t datagrams;
	uint64_t bytes;
	uint64_t write_errors;
	uint64_t hw_stamped;		/* datagrams with the device's time */
	uint64_t started_ns;
	uint64_t last_ns;		/* CLOCK_MONOTONIC of the last datagram */
	uint64_t nr_losses;
	struct loss losses[MAX_LOSSES];
	struct latency to_queue;	/* arrival to completion */
	struct latency to_program;	/* arrival to here */
};

void recv_print_live(const struct receiver *r);	/* on stderr, over itself */
void recv_print_event(const struct channel *c, const struct odg_feed_event *event);
void recv_print_text(const struct receiver *r, FILE *out);
void recv_print_json(const struct receiver *r, FILE *out);

#endif /* ODG_RECV_H */
