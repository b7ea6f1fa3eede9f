// SPDX-License-Identifier: MIT
/*
 * A receiver that sleeps, and is woken once a burst: a thread of its own, whose
 * higher priority gives it the CPU when it wakes.  The burst is one send with
 * UDP_SEGMENT, all of which is delivered before the CPU can change hands.  When
 * the send returns the receiver has taken the burst and sleeps again, so the time
 * of the send is the whole cost.
 *
 *   woken NAME TOTAL SYSCALLS SWITCHES
 *
 * per datagram; the calls and switches are the receiver's.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PAYLOAD		64
#define BURSTS		16
#define WARM		2
#define MAX_REPS	32

struct sleeper {
	const struct receiver *rx;
	struct sockaddr_in at;
	bool counting;
	struct counts counts;
	sem_t ready, end;
};

static const char *const names[] = {
	"ring-event", "ring-poll", "wsa-event", "wsa-routine", "wsa-iocp",
	"epoll", "epoll-recvmmsg64", "uring-multishot",
};

#define NR_NAMES (sizeof(names) / sizeof(names[0]))

static void *sleeper(void *arg)
{
	struct sleeper *s = arg;
	const struct receiver *rx = s->rx;
	const struct sched_param high = { .sched_priority = 1 };
	int fd = burst_socket(rx, &s->at);

	rx->open(fd);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &high))
		die("no real-time priority");
	for (int i = 0; i < BURSTS + WARM; i++) {
		if (i == WARM && s->counting)
			counters_read();
		if (rx->post)
			rx->post(fd);
		if (!i && s->counting)
			counters_open();
		if (!i)
			sem_post(&s->ready);
		rx->drain(fd);
	}
	if (s->counting) {
		s->counts = counters_read();
		counters_close();
	}
	sem_wait(&s->end);
	if (rx->close)
		rx->close();
	close(fd);
	return NULL;
}

static double measure(struct sleeper *s)
{
	struct sockaddr_in from;
	pthread_t thread;
	double total = 0;
	int tx_fd;

	sem_init(&s->ready, 0, 0);
	sem_init(&s->end, 0, 0);
	if (pthread_create(&thread, NULL, sleeper, s))
		die("no thread");
	sem_wait(&s->ready);
	tx_fd = sender_socket(&s->at, PAYLOAD, &from);
	for (int i = 0; i < BURSTS + WARM; i++) {
		double t;

		burst_prepare();
		t = now();
		burst_send(tx_fd);
		if (i >= WARM)
			total += since(t);
		burst_check(s->rx, &from);
	}
	sem_post(&s->end);
	pthread_join(thread, NULL);
	close(tx_fd);
	settle();
	return total / (BURSTS * BURST);
}

int woken_main(int argc, char **argv)
{
	static double totals[MAX_REPS];
	const int reps = argc == 1 ? atoi(argv[0]) : 0;

	if (reps < 1 || reps > MAX_REPS)
		die("woken: REPETITIONS");
	burst_load(PAYLOAD, true);
	for (size_t i = 0; i < NR_NAMES; i++) {
		struct sleeper s = { .rx = burst_receiver(names[i]) };

		progress("woken: %s", names[i]);
		s.counting = true;
		measure(&s);
		s.counting = false;
		for (int r = 0; r < reps; r++)
			totals[r] = measure(&s);
		printf("woken\t%s\t%.1f\t%.3f\t%.3f\n", names[i],
		       median(totals, reps), s.counts.syscalls / (BURSTS * BURST),
		       s.counts.switches / (BURSTS * BURST));
	}
	return 0;
}
