/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_POST_H
#define ODG_POST_H

struct odg_binding;
struct odg_port;
struct odg_post;
struct socket;

struct socket *odg_udp_socket(int fd);
struct socket *odg_attach_receiver(int fd, struct odg_binding **binding);
int odg_post(struct odg_port *port, const struct odg_post *arg);

#endif /* ODG_POST_H */
