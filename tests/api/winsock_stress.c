// SPDX-License-Identifier: MIT
/*
 * All completion models of the Winsock face at once: threads post receives told by
 * event, routine, completion port or not at all, block in others on the same sockets,
 * cancel, close sockets, and end in every way a thread can, with receives pending.
 *
 * Each receive has exactly one indication of each sort it asked for; each datagram
 * is in exactly one receive.  Datagrams have numbers; few are on the way at a time,
 * so none may be dropped.
 *
 * ODG_RECEIVES sets how many receives are made.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "winsock_stress.h"
#include "stored.h"

enum { WORKERS = 8, DEPTH = 16 };

/*
 * Datagrams on the way to a socket: its buffer has room for them, and there are some
 * left for those who block when all that is posted was received and nobody has looked.
 * The kernel charges 768 to 960 bytes for each, depending on its version, and a
 * quarter of the buffer may still be charged for what was read.
 */
enum { WINDOW = WORKERS * DEPTH + 64, ROOM = WINDOW * 1024 };

struct worker {
	pthread_t thread;
	unsigned int seed;
	bool running;
	bool ended;			/* by itself, with receives pending */
	struct op *op[DEPTH];
	struct op *call;		/* that blocks */
};

static unsigned int total;
static bool patient;			/* nothing but the count ends it */
static atomic_uint posted, ends, private_closes;
static atomic_uint blocked, timed_out, ended_blocked;
static atomic_bool stop, workers_gone;
static bool stored;			/* some were, and not posted by call */

/* is_hasty - its blocked calls end soon, others' by a datagram only */
static bool is_hasty(int sock)
{
	return sock % 2 == 0;
}

/* block - in line with what is posted; the socket's time limit may end it */
static void block(struct worker *w)
{
	struct op *op = w->call;
	DWORD bytes, flags = 0;

	op->model = BLOCKING;
	op->sock = rand_r(&w->seed) % SOCKETS;
	memset(op->data, UNTOUCHED & 0xff, sizeof(op->data));
	op->pending = true;
	if (!WSARecvFrom(target[op->sock].s, &op->buf, 1, &bytes, &flags, NULL,
			 NULL, NULL, NULL)) {
		want(!flags);
		received(op->sock, op->data, bytes);
		atomic_fetch_add(&blocked, 1);
	} else {
		want(WSAGetLastError() == WSAETIMEDOUT && is_hasty(op->sock));
		want(op->data[0] == UNTOUCHED);
		atomic_fetch_add(&timed_out, 1);
	}
	op->pending = false;
}

static enum model any_model(unsigned int *seed, int sock)
{
	return sock < FIRST_BOUND ? (enum model)(rand_r(seed) % PACKET) :
				    (enum model)(PACKET + rand_r(seed) % 2);
}

static void fill(struct worker *w)
{
	int i;

	for (i = 0; i < DEPTH && atomic_load(&posted) < total; i++) {
		int sock = rand_r(&w->seed) % SOCKETS;

		if (w->op[i]->pending)
			continue;
		atomic_fetch_add(&posted, 1);
		want(post(target[sock].s, sock, w->op[i],
			  any_model(&w->seed, sock)));
	}
}

static void cancel_some(struct worker *w)
{
	SOCKET s = target[rand_r(&w->seed) % SOCKETS].s;

	switch (rand_r(&w->seed) % 4) {
	case 0:
		want(CancelIo((HANDLE)s));
		break;
	case 1:
		CancelIoEx((HANDLE)s, NULL);
		break;
	default:
		CancelIoEx((HANDLE)s, &w->op[rand_r(&w->seed) % DEPTH]->ov);
	}
}

/* A socket of its own, closed with receives pending and datagrams on the way. */
static void close_one(struct worker *w)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	struct sockaddr_in at = { .sin_family = AF_INET };
	bool bound = rand_r(&w->seed) % 2;
	socklen_t len = sizeof(at);
	struct op *op[4];
	int i, left = 4;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	want(!bind(s, (struct sockaddr *)&at, sizeof(at)));
	want(!getsockname(s, (struct sockaddr *)&at, &len));
	want(!bound || CreateIoCompletionPort((HANDLE)s, port, KEY, 0) == port);
	for (i = 0; i < 4; i++) {
		op[i] = op_new();
		want(post(s, -1, op[i], any_model(&w->seed, bound ? FIRST_BOUND : 0)));
	}
	for (i = 0; i < 2; i++)
		want(sendto(s, "123456789012", 12, 0, (struct sockaddr *)&at, len) == 12);
	want(!closesocket(s));
	while (left) {
		SleepEx(0, TRUE);
		take_packets(0, FALSE);
		for (i = 0; i < 4; i++) {
			if (!op[i] || (op[i]->model == ROUTINE && !op[i]->calls) ||
			    (op[i]->model >= PACKET && !op[i]->packets))
				continue;
			if (has_event(op[i]))
				want(!WaitForSingleObject(op[i]->event, limit()));
			while (!HasOverlappedIoCompleted(&op[i]->ov))
				;
			want(!op[i]->ov.Internal || !op[i]->ov.InternalHigh);
			CloseHandle(op[i]->event);
			free(op[i]);
			op[i] = NULL;
			left--;
		}
	}
	atomic_fetch_add(&private_closes, 1);
}

/* Return, pthread_exit() or be cancelled in a call that waits. */
static void *end_somehow(struct worker *w)
{
	w->ended = true;
	atomic_fetch_add(&ends, 1);
	switch (rand_r(&w->seed) % 4) {
	case 0:
		pthread_exit(NULL);
	case 1:
		pthread_cancel(pthread_self());
		/* Until one does not find a datagram. */
		for (;;)
			block(w);
	case 2:
		pthread_cancel(pthread_self());
		/* A wait for what is there already may return. */
		if (rand_r(&w->seed) % 2 &&
		    !WaitForSingleObject(w->op[0]->event, INFINITE))
			w->op[0]->watched = true;
		for (;;)
			take_packets(INFINITE, FALSE);
	default:
		break;
	}
	return NULL;
}

/* look - for what came, in one of the ways that run routines */
static void look(struct worker *w, DWORD ms)
{
	switch (rand_r(&w->seed) % 3) {
	case 0:
		SleepEx(ms, TRUE);
		break;
	case 1:
		take_packets(ms, TRUE);
		break;
	default:
		if (!WSAWaitForMultipleEvents(1, &w->op[0]->event, FALSE, ms, TRUE))
			w->op[0]->watched = true;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool done = false;
	int i, pending = 0;

	while (!done) {
		fill(w);
		if (!(rand_r(&w->seed) % 4))
			cancel_some(w);
		if (!(rand_r(&w->seed) % 64))
			close_one(w);
		if (!(rand_r(&w->seed) % 4) && atomic_fetch_add(&posted, 1) < total)
			block(w);
		if (!(rand_r(&w->seed) % 128) && !atomic_load(&stop))
			return end_somehow(w);
		/* Nothing came since: there is time. */
		look(w, pending == DEPTH);
		done = atomic_load(&stop);
		for (i = pending = 0; i < DEPTH; i++)
			pending += w->op[i]->pending && !collect(w->op[i]);
		if (pending)
			done = false;
	}
	return NULL;
}

/* Numbered datagrams, few at a time, until nobody can be blocked any more. */
static void *send_all(void *arg)
{
	uint32_t data[3];
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	unsigned int i, nr;

	(void)arg;
	while (!atomic_load(&workers_gone)) {
		for (i = 0; i < SOCKETS; i++) {
			nr = atomic_load(&target[i].sent);
			for (; nr - atomic_load(&target[i].got) < WINDOW && nr < total; nr++) {
				data[0] = i;
				data[1] = nr;
				data[2] = check_of(i, nr);
				atomic_store(&target[i].sent, nr + 1);
				want(sendto(s, (char *)data, 12, 0,
					    (struct sockaddr *)&target[i].at,
					    sizeof(target[i].at)) == 12);
			}
		}
		usleep(100);
	}
	closesocket(s);
	return NULL;
}

/*
 * The thread has ended: what it posted is cancelled or done, and says so; packets
 * without an event live on.
 */
static struct op *bury(struct worker *w, struct op *orphans)
{
	int i;

	for (i = 0; i < DEPTH; i++) {
		struct op *op = w->op[i];

		if (!op->pending) {
			CloseHandle(op->event);
			free(op);
		} else if (op->model >= PACKET) {
			op->next = orphans;
			orphans = op;
		} else {
			if (op->model == EVENT && !op->watched)
				want(!WaitForSingleObject(op->event, limit()));
			while (op->model == SILENT && !HasOverlappedIoCompleted(&op->ov))
				;
			/* Its routine is not called any more. */
			want(op->ov.Internal != STATUS_PENDING);
			ended(op);
			CloseHandle(op->event);
			free(op);
		}
		w->op[i] = NULL;
	}
	/* It returned nothing; its buffer says whether it took a datagram. */
	if (w->call->pending) {
		atomic_fetch_add(&ended_blocked, 1);
		if (w->call->data[0] != UNTOUCHED)
			received(w->call->sock, w->call->data, 12);
		w->call->pending = false;
	}
	return orphans;
}

static void hire(struct worker *w)
{
	int i;

	for (i = 0; i < DEPTH; i++)
		if (!w->op[i])
			w->op[i] = op_new();
	if (!w->call)
		w->call = op_new();
	w->ended = false;
	w->running = true;
	want(!pthread_create(&w->thread, NULL, work, w));
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* What their ended threads left: those whose packets were taken are free. */
static void collect_orphans(struct op **at)
{
	struct op *op;

	while ((op = *at)) {
		if (!collect(op)) {
			at = &op->next;
			continue;
		}
		*at = op->next;
		CloseHandle(op->event);
		free(op);
	}
}

/* Those that ended are buried and replaced until all is posted, or its time is up. */
static struct op *oversee(struct worker *w)
{
	long long until = now_ms() + limit();
	struct op *orphans = NULL;
	int i, running = WORKERS;

	while (running) {
		if (atomic_load(&posted) >= total || (!patient && now_ms() > until))
			atomic_store(&stop, true);
		for (i = 0; i < SOCKETS && atomic_load(&stop); i++)
			CancelIoEx((HANDLE)target[i].s, NULL);
		for (i = 0; i < WORKERS; i++) {
			if (!w[i].running || pthread_tryjoin_np(w[i].thread, NULL))
				continue;
			if (w[i].ended)
				orphans = bury(&w[i], orphans);
			w[i].running = false;
			if (atomic_load(&stop))
				running--;
			else
				hire(&w[i]);
		}
		collect_orphans(&orphans);
		stored = stored || has_stored(&odgw_process_queue, NULL);
		usleep(1000);
	}
	return orphans;
}

static void cancel_orphans(struct op *orphans)
{
	long long until = now_ms() + limit();
	int i;

	while (orphans && now_ms() < until) {
		for (i = 0; i < SOCKETS; i++)
			CancelIoEx((HANDLE)target[i].s, NULL);
		take_packets(1, FALSE);
		collect_orphans(&orphans);
	}
	want(!orphans);
}

/* What no receive took is still there. */
static void collect_rest(int i)
{
	uint32_t data[4];
	WSABUF buf = { sizeof(data), (char *)data };
	DWORD bytes, flags = 0;
	u_long on = 1;

	want(!ioctlsocket(target[i].s, FIONBIO, &on));
	while (!WSARecvFrom(target[i].s, &buf, 1, &bytes, &flags, NULL, NULL, NULL,
			    NULL))
		received(i, data, bytes);
	want(WSAGetLastError() == WSAEWOULDBLOCK);
	want(atomic_load(&target[i].got) == atomic_load(&target[i].sent));
}

static void open_target(int i)
{
	DWORD ms = is_hasty(i) ? 2 : limit();
	int room = ROOM;	/* Linux gives twice that */
	socklen_t len = sizeof(target[i].at);

	target[i].seen = calloc(total, 1);
	target[i].at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	target[i].s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0,
				 WSA_FLAG_OVERLAPPED);
	want(!bind(target[i].s, (struct sockaddr *)&target[i].at, len));
	want(!getsockname(target[i].s, (struct sockaddr *)&target[i].at, &len));
	want(!setsockopt(target[i].s, SOL_SOCKET, SO_RCVTIMEO, (char *)&ms, sizeof(ms)));
	want(!setsockopt(target[i].s, SOL_SOCKET, SO_RCVBUF, (char *)&room, sizeof(room)));
	if (i >= FIRST_BOUND)
		want(CreateIoCompletionPort((HANDLE)target[i].s, port, KEY, 0) == port);
}

static void a18_bx6_a46_each_receive_ends_once_and_no_datagram_is_lost(void **state)
{
	const char *receives = getenv("ODG_RECEIVES");
	static struct worker w[WORKERS];
	struct op *orphans;
	pthread_t sender;
	WSADATA data;
	int i;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	/* All where faults are looked for: three minutes, and little more if it is slower. */
	patient = receives;
	total = receives ? (unsigned int)atoi(receives) :
		slow() > 10 ? 200000 : 100000;
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	assert_non_null(port);
	for (i = 0; i < SOCKETS; i++)
		open_target(i);
	want(!pthread_create(&sender, NULL, send_all, NULL));
	for (i = 0; i < WORKERS; i++) {
		w[i].seed = (unsigned int)i + 1;
		hire(&w[i]);
	}
	orphans = oversee(w);
	atomic_store(&workers_gone, true);
	pthread_join(sender, NULL);
	cancel_orphans(orphans);
	for (i = 0; i < SOCKETS; i++)
		collect_rest(i);
	print_message("# %u receives, %u cancelled, %u threads ended with some "
		      "pending, %u sockets closed so; %u blocked, %u until their "
		      "time was up, %u until their thread ended; %u datagrams\n",
		      atomic_load(&posted), atomic_load(&cancelled),
		      atomic_load(&ends), atomic_load(&private_closes),
		      atomic_load(&blocked), atomic_load(&timed_out),
		      atomic_load(&ended_blocked), target[0].sent +
		      target[1].sent + target[2].sent + target[3].sent);
	assert_int_equal(atomic_load(&errors), 0);
	assert_true(stored);
	assert_true(atomic_load(&cancelled) && atomic_load(&ends) &&
		    atomic_load(&private_closes) && atomic_load(&blocked) &&
		    atomic_load(&timed_out) && atomic_load(&ended_blocked));
	for (i = 0; i < SOCKETS; i++) {
		closesocket(target[i].s);
		free(target[i].seen);
	}
	for (i = 0; i < WORKERS * DEPTH; i++) {
		struct op *op = w[i / DEPTH].op[i % DEPTH];

		if (op)
			CloseHandle(op->event);
		free(op);
	}
	for (i = 0; i < WORKERS; i++) {
		CloseHandle(w[i].call->event);
		free(w[i].call);
	}
	CloseHandle(port);
	assert_int_equal(WSACleanup(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a18_bx6_a46_each_receive_ends_once_and_no_datagram_is_lost),
	};

	return cmocka_run_group_tests_name("winsock stress", tests, NULL, NULL);
}
