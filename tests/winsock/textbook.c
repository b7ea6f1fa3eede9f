// SPDX-License-Identifier: MIT
/*
 * The program userlib/examples/routines.c as it stands, on Windows and here: what it
 * prints is the same.
 */
#include "harness.h"

#include <stdarg.h>

static char said[2048];

static int __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(said + len, sizeof(said) - len, fmt, args);
	va_end(args);
	return n;
}

#define main	routines
#define printf	say
#define post	post_again
#include "../../userlib/examples/routines.c"
#undef printf
#undef post

static const char expected[] =
	"16 receives are posted\n"
	"round 1: 16 received, prices add up to 17.20\n"
	"round 2: 32 received, prices add up to 50.40\n"
	"round 3: 48 received, prices add up to 99.60\n"
	"round 4: 64 received, prices add up to 164.80\n"
	"16 cancelled, 0 failed, 0 from strangers\n";

TEST(a73_a87_sixteen_receives_repost_themselves)
{
	EQ(routines(), 0);
	if (strcmp(said, expected))
		FAIL("it said: %s", said);
}
