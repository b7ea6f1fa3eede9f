/* SPDX-License-Identifier: MIT */
/* Captures: writing what was received, reading what to send. */
#ifndef ODG_CAPTURE_H
#define ODG_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct odg_cqe_wide;
struct capture_writer;
struct capture_reader;

/* A name that ends in .pcap: a capture with nanoseconds; else bare payloads. */
struct capture_writer *capture_create(const char *path);
int capture_write(struct capture_writer *w, const struct odg_cqe_wide *wide,
		  uint16_t local_port, uint64_t ns, const uint8_t *payload);
int capture_finish(struct capture_writer *w);	/* 0, or -1: not all is written */

/**
 * struct capture_datagram - a UDP datagram of a capture
 * @payload: until the next call
 * @to: where it went, @to_len bytes
 */
struct capture_datagram {
	const uint8_t *payload;
	size_t len;
	uint64_t ns;
	struct sockaddr_storage to;
	socklen_t to_len;
};

struct capture_reader *capture_open(const char *path);
/* 1, 0 at the end, -1 with a line on stderr; other packets are passed over. */
int capture_next(struct capture_reader *r, struct capture_datagram *d);
uint64_t capture_passed_over(const struct capture_reader *r);
void capture_close(struct capture_reader *r);

#endif /* ODG_CAPTURE_H */
