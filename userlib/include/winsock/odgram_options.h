/* SPDX-License-Identifier: MIT */
/*
 * Options of a UDP socket that are odgram's own, for setsockopt() and getsockopt().
 */
#ifndef ODGRAM_OPTIONS_H
#define ODGRAM_OPTIONS_H

#include <winsock2.h>

/* Their level: no protocol's, of Linux or Windows. */
#define SOL_ODGRAM	0x4F444700

/*
 * BOOL, FALSE at first: the rest of a datagram that is longer than the buffers is
 * not lost but the next receive's, and MSG_PARTIAL is told with each part but the
 * last.  odg_ws_setsockopt(3)
 */
#define ODG_KEEP_REST	1

#endif /* ODGRAM_OPTIONS_H */
