/* SPDX-License-Identifier: MIT */
/* Shared by the files of the native face: odgn_, hidden by the version script. */
#ifndef ODG_USERLIB_PORT_H
#define ODG_USERLIB_PORT_H

#include <stdint.h>

struct odg_port;

/* ioctl(2) on the port that returns -errno and leaves errno alone */
int odgn_port_call(struct odg_port *port, unsigned long request, void *arg);
/* The counts of a port opened with ODG_CQ_WATCH. */
const uint64_t *odgn_port_changes(const struct odg_port *port);
const uint64_t *odgn_port_errors(const struct odg_port *port);

#endif /* ODG_USERLIB_PORT_H */
