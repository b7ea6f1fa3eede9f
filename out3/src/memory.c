// SPDX-License-Identifier: MIT
/*
 * What an outstanding receive holds of the machine's memory, its buffer and what
 * the program keeps for itself aside: free memory before and after posting very
 * many, so that what the kernel keeps ready for the CPU does not count.
 *
 *   memory NAME COUNT BYTES
 */
#include <odgram_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rx_odgram.h"
#include "uring.h"

#define DEPTH		65536	/* on a socket */
#define RINGS		16
#define SUBMIT		4096	/* requests of one io_uring submit */
#define BUFFER		64

static unsigned char buffer[DEPTH][BUFFER];

static long free_now(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	if (kib < 0)
		die("/proc/meminfo: no MemFree");
	fclose(f);
	return kib * 1024;
}

/* Once nothing is given back any more. */
static long free_memory(void)
{
	long before, bytes = free_now();

	do {
		before = bytes;
		settle();
		bytes = free_now();
	} while (bytes != before);
	return bytes;
}

/*
 * Pages lying ready for a CPU are not counted as free: have few.  Those that lie
 * there go when others are given back.
 */
static void keep_few_ready(void)
{
	FILE *f = fopen("/proc/sys/vm/percpu_pagelist_high_fraction", "w");
	const size_t size = 64 << 20;
	void *churn;

	if (!f || fputs("1000000\n", f) < 0 || fclose(f))
		die("percpu_pagelist_high_fraction: cannot be written");
	churn = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (churn == MAP_FAILED)
		MUST(-1);
	munmap(churn, size);
}

static void ring(void)
{
	static struct odg_rq rqs[RINGS];
	struct odg_port *port;
	struct sockaddr_in at;
	int fds[RINGS], region;
	long memory;

	progress("memory: rings");
	for (int i = 0; i < RINGS; i++)
		fds[i] = receiver_socket(&at);
	memory = free_memory();
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	region = ODG_MUST(odg_region_register(port, buffer, sizeof(buffer), NULL));
	for (int i = 0; i < RINGS; i++) {
		ODG_MUST(odg_rq_open(&rqs[i], port, fds[i], DEPTH));
		for (uint64_t k = 0; k < DEPTH; k++)
			odg_rq_write(&rqs[i], region, k * BUFFER, BUFFER, k, 0);
		ODG_MUST(odg_rq_submit(&rqs[i]));
	}
	memory -= free_memory();
	printf("memory\tring\t%d\t%.1f\n", RINGS * DEPTH,
	       (double)memory / (RINGS * DEPTH));
	for (int i = 0; i < RINGS; i++) {
		odg_rq_close(&rqs[i]);
		close(fds[i]);
	}
	odg_port_close(port);
}

static void uring(void)
{
	struct io_uring uring;
	struct iovec iov = { buffer, BUFFER };
	struct sockaddr_in at, from;
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	int fd = receiver_socket(&at);
	long memory;

	progress("memory: io_uring");
	memory = free_memory();
	uring_open(&uring, SUBMIT, 2 * DEPTH);
	for (int i = 0; i < DEPTH; i++) {
		io_uring_prep_recvmsg(uring_sqe(&uring), fd, &msg, 0);
		if (!((i + 1) % SUBMIT))
			MUST(io_uring_submit(&uring));
	}
	memory -= free_memory();
	printf("memory\turing-oneshot\t%d\t%.1f\n", DEPTH,
	       (double)memory / DEPTH);
	io_uring_queue_exit(&uring);
	close(fd);
}

int memory_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	memset(buffer, WANT_BUFFER, sizeof(buffer));
	keep_few_ready();
	ring();
	uring();
	return 0;
}
