/* SPDX-License-Identifier: MIT */
/* What every test of the Winsock face may ask of its environment (helpers_winsock.c). */
#ifndef ODG_TESTS_API_WINSOCK_ENV_H
#define ODG_TESTS_API_WINSOCK_ENV_H

/* By how much to stretch time limits: ODG_SLOW. */
unsigned int slow(void);
/* A command of the shell's, which must win. */
void __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...);

#endif
