// SPDX-License-Identifier: MIT
/*
 * Shows completions to a program that asked for it.
 *
 * No lock: the observer is set while nothing is pending, and a post made after
 * that orders the setting before its completion.
 */
#include <odgram_observe.h>

#include "internal.h"

static odg_observer observer;
static void *observer_arg;

void odg_observe(odg_observer fn, void *arg)
{
	observer_arg = arg;
	observer = fn;
}

void odgw_observe(LPWSAOVERLAPPED ov, const struct odg_cqe_wide *cqe)
{
	/* A call that blocks has no OVERLAPPED to show. */
	if (observer && ov)
		observer(ov, cqe, observer_arg);
}
