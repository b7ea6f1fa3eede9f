/* SPDX-License-Identifier: MIT */
#ifndef ODG_USERLIB_PORT_H
#define ODG_USERLIB_PORT_H

struct odg_port;

/* ioctl(2) on the port that returns -errno and leaves errno alone */
int odg_port_call(struct odg_port *port, unsigned long request, void *arg);

#endif /* ODG_USERLIB_PORT_H */
