// SPDX-License-Identifier: MIT
/* Receive rings and registered memory; see helpers_ring.h. */
#include "helpers_ring.h"

struct odg_region_add region_add(const struct port *p, void *mem,
					size_t len, int expected)
{
	struct odg_region_add a = {
		.size = sizeof(a), .addr = (uintptr_t)mem, .len = len,
		.id = POISON32, .node = 1234, .page_shift = 99,
	};

	want(odg(p->fd, ODG_REGION_ADD, &a), expected);
	return a;
}

int region_del(const struct port *p, uint32_t id)
{
	struct odg_region_del d = { .size = sizeof(d), .id = id };

	return odg(p->fd, ODG_REGION_DEL, &d);
}

int kick(const struct port *p, int sock)
{
	struct odg_rq_kick k = { .size = sizeof(k), .fd = sock };

	return odg(p->fd, ODG_RQ_KICK, &k);
}

int rq_cancel(const struct port *p, int sock, uint32_t index, uint64_t user_data)
{
	struct odg_rq_cancel c = {
		.size = sizeof(c), .fd = sock, .index = index,
		.user_data = user_data,
	};

	return odg(p->fd, ODG_RQ_CANCEL, &c);
}

void ring_map(struct ring *r, const struct port *p, const struct odg_rq_create *c)
{
	r->entries = c->entries;
	r->next = 0;
	r->map_size = c->mmap_size;
	r->map = mmap(NULL, c->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      p->fd, (off_t)c->mmap_offset);
	want_true(r->map != MAP_FAILED);
	r->prod = (uint32_t *)(r->map + c->off_prod);
	r->cons = (uint32_t *)(r->map + c->off_cons);
	r->flags = (uint32_t *)(r->map + c->off_flags);
	r->rqes = (struct odg_rqe *)(r->map + c->off_entries);
}

void ring_open_with(struct ring *r, const struct port *p, int sock,
		    uint32_t entries, uint32_t flags)
{
	struct odg_rq_create c = {
		.size = sizeof(c), .fd = sock, .entries = entries,
		.flags = flags,
		.mmap_offset = POISON64, .mmap_size = POISON64,
	};

	want(odg(p->fd, ODG_RQ_CREATE, &c), 0);
	ring_map(r, p, &c);
}

void ring_open(struct ring *r, const struct port *p, int sock, uint32_t entries)
{
	ring_open_with(r, p, sock, entries, 0);
}

struct odg_rqe *ring_write(struct ring *r, uint64_t user_data,
				  uint32_t region, uint64_t offset, uint32_t len)
{
	struct odg_rqe *e = &r->rqes[r->next++ & (r->entries - 1)];

	*e = (struct odg_rqe){
		.user_data = user_data, .region = region,
		.offset = offset, .len = len,
	};
	return e;
}

struct odg_rqe *ring_write_addr(struct ring *r, uint64_t user_data,
				const void *addr, uint32_t len)
{
	struct odg_rqe *e = ring_write(r, user_data, 0, (uintptr_t)addr, len);

	e->flags = ODG_RQE_ADDRESS;
	return e;
}

bool ring_submit(struct ring *r)
{
	__atomic_store_n(r->prod, r->next, __ATOMIC_RELEASE);	/* (E) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);		/* (G) */
	return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & ODG_RQ_NEED_KICK;
}

void ring_close(struct ring *r)
{
	sys(munmap(r->map, r->map_size));
}

void ring_post(struct rq_fix *q)
{
	if (ring_submit(&q->r))
		want(kick(&q->f->p, q->f->rx), 0);
}

void setup_ring_with(struct rq_fix *q, struct fix *f, uint32_t entries,
		     uint32_t flags)
{
	q->f = f;
	q->mem = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want_true(q->mem != MAP_FAILED);
	memset(q->mem, POISON, REGION_LEN);
	q->region = region_add(&f->p, q->mem, REGION_LEN, 0).id;
	ring_open_with(&q->r, &f->p, f->rx, entries, flags);
}

void setup_ring(struct rq_fix *q, struct fix *f, uint32_t entries)
{
	setup_ring_with(q, f, entries, 0);
}

void drop_ring(struct rq_fix *q)
{
	ring_close(&q->r);
	munmap(q->mem, REGION_LEN);
}

const struct odg_cqe *reap_ring(struct rq_fix *q, uint64_t user_data,
				       int status, uint32_t len)
{
	const struct odg_cqe *c = reap(&q->f->p);

	want(c->user_data, user_data);
	want(c->status, status);
	want(c->len, len);
	return c;
}
