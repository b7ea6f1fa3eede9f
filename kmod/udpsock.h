/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_UDPSOCK_H
#define ODG_UDPSOCK_H

struct file;
struct odg_binding;
struct sock;
struct socket;

struct socket *odg_socket_of(struct file *file);
struct socket *odg_udp_socket(int fd);
struct socket *odg_bound_socket(int fd, struct odg_binding **binding);
struct odg_binding *odg_attach_bound(struct sock *sk);
struct socket *odg_attach_receiver(int fd, struct odg_binding **binding);

#endif /* ODG_UDPSOCK_H */
