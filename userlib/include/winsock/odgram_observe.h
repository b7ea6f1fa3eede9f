/* SPDX-License-Identifier: MIT */
/*
 * An addition of odgram's to the Winsock face: see the whole completion.
 *
 * OVERLAPPED has a status and a byte count.  The kernel tells more: when the
 * datagram arrived and when its completion was made, by which interface it
 * came, to which address, with which TTL, how many were dropped before it.
 */
#ifndef ODGRAM_OBSERVE_H
#define ODGRAM_OBSERVE_H

#include <linux/odgram.h>
#include <winsock2.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*odg_observer)(WSAOVERLAPPED *overlapped,
			     const struct odg_cqe_wide *completion, void *arg);

/**
 * odg_observe - have every completion of an overlapped call shown
 * @observer: called with it, or NULL to stop
 * @arg: handed on
 *
 * The observer runs in the thread that takes the completion from the kernel,
 * when buffers and address are filled and before @overlapped shows that it is
 * done.  What it writes is therefore there for whoever sees that.  It must not
 * call Winsock functions; the completion is gone when it returns.
 *
 * Call this while no overlapped call is pending.
 */
void odg_observe(odg_observer observer, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_OBSERVE_H */
