/* SPDX-License-Identifier: MIT */
/* What the tests of receive rings and registered memory share; see helpers.h. */
#ifndef ODG_TESTS_API_HELPERS_RING_H
#define ODG_TESTS_API_HELPERS_RING_H

#include "helpers.h"

#define REGION_LEN	(64 * 1024UL)

/* A request queue as the program sees it. */
struct ring {
	uint8_t *map;
	size_t map_size;
	uint32_t entries, next;
	uint32_t *prod, *cons, *flags;
	struct odg_rqe *rqes;
};

/* The fixture's socket with a ring, and a region of poison. */
struct rq_fix {
	struct fix *f;
	struct ring r;
	uint8_t *mem;		/* the region */
	uint32_t region;
};

struct odg_region_add region_add(const struct port *p, void *mem, size_t len,
				 int expected);
int region_del(const struct port *p, uint32_t id);
int kick(const struct port *p, int sock);
int rq_cancel(const struct port *p, int sock, uint32_t index, uint64_t user_data);
/* What ODG_RQ_CREATE made, mapped. */
void ring_map(struct ring *r, const struct port *p, const struct odg_rq_create *c);
void ring_open(struct ring *r, const struct port *p, int sock, uint32_t entries);
void ring_open_with(struct ring *r, const struct port *p, int sock,
		    uint32_t entries, uint32_t flags);
void ring_close(struct ring *r);
/* WRITE one entry; ring_submit() shows it. */
struct odg_rqe *ring_write(struct ring *r, uint64_t user_data, uint32_t region,
			   uint64_t offset, uint32_t len);
/* ... by address */
struct odg_rqe *ring_write_addr(struct ring *r, uint64_t user_data,
				const void *addr, uint32_t len);
/* Returns whether a kick is asked for. */
bool ring_submit(struct ring *r);
/* ... and kicks. */
void ring_post(struct rq_fix *q);
void setup_ring(struct rq_fix *q, struct fix *f, uint32_t entries);
void setup_ring_with(struct rq_fix *q, struct fix *f, uint32_t entries,
		     uint32_t flags);
void drop_ring(struct rq_fix *q);
const struct odg_cqe *reap_ring(struct rq_fix *q, uint64_t user_data, int status,
				uint32_t len);

#endif
