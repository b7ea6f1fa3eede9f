// SPDX-License-Identifier: MIT
/*
 * Programs that scribble: random words all over a port's queues while traffic runs.
 * Whatever comes of it is theirs; the memory beside their region, and a port that
 * behaves, notice nothing.  ODG_FUZZ_SEED repeats a run.
 */
#include "helpers_ring.h"

#include <pthread.h>
#include <time.h>

#define MOST	512	/* bytes of a datagram */
#define ROUNDS	scaled("ODG_FUZZ_ROUNDS", 2000)

static uint64_t seed;
static bool over;

/* xorshift64: the same numbers everywhere. */
static uint32_t number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

struct victim {
	struct rq_fix q;
	uint8_t *mem;		/* of the region, which addresses go to as well */
	struct port p;
	int rx, tx;
};

static void *traffic(void *arg)
{
	const struct victim *v = arg;
	uint64_t state = seed + 1;
	uint8_t data[MOST] = { 0 };

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		send_to(v->tx, v->rx, data, number(&state) % sizeof(data));
	return NULL;
}

/* A word that is sometimes nearly right. */
static uint32_t word(uint64_t *state, uint32_t about)
{
	switch (number(state) % 4) {
	case 0:
		return number(state);
	case 1:
		return number(state) % 64;
	default:
		return about + number(state) % 16 - 4;
	}
}

static void scribble(struct victim *v, uint64_t *state)
{
	struct ring *r = &v->q.r;
	struct odg_rqe *e = &r->rqes[number(state) % r->entries];

	switch (number(state) % 8) {
	case 0:
		__atomic_store_n(r->prod, word(state, *r->cons), __ATOMIC_RELEASE);
		break;
	case 1:
		__atomic_store_n(r->cons, number(state), __ATOMIC_RELAXED);
		__atomic_store_n(r->flags, number(state), __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n(v->p.cons, word(state, *v->p.prod),
				 __ATOMIC_RELEASE);
		break;
	case 3:
		__atomic_store_n(v->p.arm, number(state), __ATOMIC_RELAXED);
		__atomic_store_n(v->p.loud, number(state), __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n(v->p.prod, number(state), __ATOMIC_RELAXED);
		break;
	default:
		e->user_data = number(state);
		e->offset = number(state) % (2 * REGION_LEN);
		if (!(number(state) % 8))
			e->offset *= number(state);
		e->len = word(state, 512);
		e->region = number(state) % 4 ? v->q.region : word(state, 0);
		e->flags = number(state) % 4 ? number(state) % 32 : number(state);
		/* not where the datagrams would be missed */
		if (e->flags & ODG_RQE_ADDRESS && number(state) % 8) {
			e->offset = (uintptr_t)v->mem +
				    number(state) % (REGION_LEN - MOST);
			e->region = number(state) % 8 ? 0 : e->region;
		}
		e->least = number(state) % 2 ? 0 : word(state, 64);
		/* and what would make the kernel look at it */
		__atomic_store_n(r->prod, *r->cons + number(state) % r->entries,
				 __ATOMIC_RELEASE);
	}
}

static void calls(struct victim *v, uint64_t *state)
{
	switch (number(state) % 16) {
	case 0:
		kick(&v->p, v->rx);
		break;
	case 1:
		odg_wait(&v->p, 1, 0);
		break;
	case 2:
		port_stats(&v->p);
		break;
	case 3:
		/* rarely: it waits for a grace period */
		if (!(number(state) % 8) && !region_del(&v->p, v->q.region))
			v->q.region = region_add(&v->p, v->mem, REGION_LEN,
						 0).id;
		break;
	case 4:
		rq_cancel(&v->p, v->rx, *v->q.r.cons + number(state) % 8,
			  number(state) % 2);
		break;
	case 5:
		sys(madvise(v->mem + number(state) % 16 * PAGE, PAGE,
			    MADV_DONTNEED));
		break;
	}
}

static void inv5_scribbling_harms_nobody_else(void **state)
{
	struct fix *f = *state;
	struct victim v = { .rx = udp(AF_INET), .tx = udp(AF_INET) };
	uint64_t numbers;
	pthread_t thread;
	uint8_t *mem;

	seed = env_number("ODG_FUZZ_SEED", now_ns(CLOCK_REALTIME) | 1);
	printf("# ODG_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	numbers = seed;
	over = false;

	/* a page before and one behind the region that nobody may touch */
	mem = mmap(NULL, REGION_LEN + 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want_true(mem != MAP_FAILED);
	memset(mem, POISON, REGION_LEN + 2 * PAGE);
	port_open(&v.p, 32, 0);
	v.mem = mem + PAGE;
	v.q.region = region_add(&v.p, v.mem, REGION_LEN, 0).id;
	ring_open_with(&v.q.r, &v.p, v.rx, 32, ODG_RQ_ADDRESSES);
	sys(pthread_create(&thread, NULL, traffic, &v));

	for (unsigned long i = 0; i < ROUNDS; i++) {
		struct op *op = &f->op[0];

		row("round %lu, seed %llu", i, (unsigned long long)seed);
		for (int k = 0; k < 16; k++) {
			scribble(&v, &numbers);
			calls(&v, &numbers);
		}
		if (i % 8)
			continue;
		op_init(op);
		post_pending(&f->p, f->rx, op);
		send_to(f->tx, f->rx, &i, sizeof(i));
		reap_data(&f->p, op, &i, sizeof(i));
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	want_true(is_poison(mem, PAGE));
	want_true(is_poison(mem + PAGE + REGION_LEN, PAGE));
	want_stats_sum(&f->p, f->rx);

	ring_close(&v.q.r);
	close(v.rx);
	port_close(&v.p);
	close(v.tx);
	munmap(mem, REGION_LEN + 2 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv5_scribbling_harms_nobody_else),
	};

	return cmocka_run_group_tests_name("fuzz_ring", tests, NULL, NULL);
}
