/* SPDX-License-Identifier: MIT */
/* What sender and receiver of "make demo" agree on: the datagrams. */
#ifndef DEMO_H
#define DEMO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DEMO_MAX	1472	/* what fits into one Ethernet frame */
#define DEMO_MIN	16

/* Datagram number nr: length and every byte follow from the number. */
static inline size_t demo_fill(unsigned char *buf, uint32_t nr)
{
	size_t len = DEMO_MIN + (nr * 397) % (DEMO_MAX - DEMO_MIN + 1);

	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(nr * 31 + i);
	memcpy(buf, &nr, sizeof(nr));
	return len;
}

/* The number of a datagram, or -1 if it is not one of ours, whole. */
static inline int64_t demo_check(const unsigned char *buf, size_t len)
{
	unsigned char want[DEMO_MAX];
	uint32_t nr;

	if (len < DEMO_MIN)
		return -1;
	memcpy(&nr, buf, sizeof(nr));
	if (demo_fill(want, nr) != len || memcmp(buf, want, len))
		return -1;
	return nr;
}

#endif
