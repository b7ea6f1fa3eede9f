// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket that a call names: behind a descriptor, of a kind that odgram can serve,
 * and with a binding if it is to receive.  No state of its own.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <net/inet_sock.h>

#include "binding.h"
#include "udpsock.h"

static bool odg_is_udp(const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	return sock->type == SOCK_DGRAM && sk->sk_protocol == IPPROTO_UDP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

/* Of a file the caller holds, or of NULL: the socket, or an ERR_PTR() as below. */
struct socket *odg_socket_of(struct file *file)
{
	struct socket *sock;

	if (!file)
		return ERR_PTR(-EBADF);
	sock = sock_from_file(file);
	if (!sock)
		return ERR_PTR(-ENOTSOCK);
	return odg_is_udp(sock) ? sock : ERR_PTR(-EOPNOTSUPP);
}

/**
 * odg_udp_socket - the socket behind a descriptor, if odgram can serve it
 * @fd: the descriptor
 *
 * Return: the socket, to be given back with sockfd_put(), or an ERR_PTR() of
 * -EBADF, -ENOTSOCK or -EOPNOTSUPP.
 */
struct socket *odg_udp_socket(int fd)
{
	struct file *file = fget(fd);
	struct socket *sock = odg_socket_of(file);

	if (file && IS_ERR(sock))
		fput(file);
	return sock;
}

/**
 * odg_bound_socket - the socket behind a descriptor, if it is bound to odgram
 * @fd: the descriptor
 * @binding: out: its binding, with a reference for the caller
 *
 * Return: the socket, to be given back with sockfd_put(), or an ERR_PTR() as
 * odg_udp_socket(), or of -ENOENT.
 */
struct socket *odg_bound_socket(int fd, struct odg_binding **binding)
{
	struct socket *sock;

	sock = odg_udp_socket(fd);
	if (IS_ERR(sock))
		return sock;
	*binding = odg_binding_get(sock->sk);
	if (!*binding) {
		sockfd_put(sock);
		return ERR_PTR(-ENOENT);
	}
	return sock;
}

/* Nothing can arrive at a socket without a port yet. */
struct odg_binding *odg_attach_bound(struct sock *sk)
{
	if (!READ_ONCE(inet_sk(sk)->inet_num))
		return ERR_PTR(-EINVAL);
	return odg_binding_attach(sk);
}

/**
 * odg_attach_receiver - attach to a socket that receives are to be posted to
 * @fd: its descriptor
 * @binding: out: its binding, with a reference for the caller
 *
 * Return: the socket, to be given back with sockfd_put(), or an ERR_PTR().
 */
struct socket *odg_attach_receiver(int fd, struct odg_binding **binding)
{
	struct socket *sock;

	sock = odg_udp_socket(fd);
	if (IS_ERR(sock))
		return sock;
	*binding = odg_attach_bound(sock->sk);
	if (IS_ERR(*binding)) {
		sockfd_put(sock);
		return ERR_CAST(*binding);
	}
	return sock;
}
