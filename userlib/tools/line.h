/* SPDX-License-Identifier: MIT */
/*
 * What brings feeds: sockets, all receiving through request queues into one
 * registered region and completing in one queue.
 */
#ifndef ODG_LINE_H
#define ODG_LINE_H

#include <odgram_ring.h>
#include <stdint.h>

#include "address.h"
#include "hwstamp.h"

/**
 * struct line - a socket: what a line brings of a channel
 * @at: where it receives
 * @number: of the line, from 0
 * @channel: which of the feeds, from 0
 * @reposted: slots were, and are not known yet
 */
struct line {
	struct address at;
	unsigned int number;
	unsigned int channel;
	int sock;
	struct hwstamp hw;
	struct odg_rq rq;
	bool reposted;
	uint64_t datagrams;
	uint64_t bytes;
	uint64_t truncated;
	uint64_t dropped;		/* by the socket, for want of a receive and room */
};

/**
 * struct lines - what receives
 * @line: @nr of them
 * @slots: receives posted per line
 * @slot_size: bytes of each
 * @hw: the devices are to stamp; each line names its interface
 * @memory: slot s of line l is number l * @slots + s
 */
struct lines {
	struct odg_port *port;
	struct line *line;
	unsigned int nr;
	uint32_t slots;
	uint32_t slot_size;
	bool hw;
	uint8_t *memory;
	size_t memory_size;
	int region;
};

/*
 * The caller has filled nr, slots, slot_size, hw, and of each line, whose memory is
 * the caller's, at, number and channel; sock is -1.  0, or -1 and told.
 */
int lines_open(struct lines *lines);
void lines_close(struct lines *lines);

/* Where the datagram of a completion stands, and whose it is. */
struct line *lines_of(struct lines *lines, uint64_t user_data, uint8_t **payload);

/* Post a slot again; lines_submit() makes it and its like known. */
void lines_repost(struct lines *lines, struct line *line, uint64_t user_data);
int lines_submit(struct lines *lines);

#endif /* ODG_LINE_H */
