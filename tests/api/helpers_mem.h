/* SPDX-License-Identifier: MIT */
/* What the tests of a program's own memory share; see helpers.h. */
#ifndef ODG_TESTS_API_HELPERS_MEM_H
#define ODG_TESTS_API_HELPERS_MEM_H

#include "helpers.h"

#include <pthread.h>
#include <sys/types.h>

/* So many new pages, there or anywhere. */
uint8_t *pages_at(void *at, size_t n);
uint8_t *pages(size_t n);
/* Does something to a page, which is there afterwards; it may be aside meanwhile. */
void change_page(uint8_t *m, uint8_t *aside, unsigned int how);

/* A child that has the parent's memory, touches a page or not, and waits. */
pid_t child_that_waits(uint8_t *touch, int *end);
void child_ends_well(pid_t pid, int end);

/* In a child: a user without rights, who may lock so many bytes. */
void become_nobody(size_t limit);

/*
 * Another thread changes the map without pause, near the buffer and far.  The holes
 * that change_page() leaves for a moment are too small for it, if there are pages
 * before and behind.
 */
struct churn {
	uint8_t *near;
	bool stop;
	unsigned long rounds;
	pthread_t thread;
};

void churn_start(struct churn *c, uint8_t *near);
void churn_stop(struct churn *c);

#endif
