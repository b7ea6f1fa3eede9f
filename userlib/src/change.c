// SPDX-License-Identifier: MIT
/*
 * Calls that end when an address or a route changes: SIO_ADDRESS_LIST_CHANGE and
 * SIO_ROUTING_INTERFACE_CHANGE.
 *
 * Such a call is an op like any other: a receive, posted to a socket of its own
 * that nothing ever reaches.  So it is told, waited for and cancelled in all the
 * ways there are.  A thread that listens to rtnetlink ends it by closing that
 * socket.  The thread is started by the first such call and stays.
 *
 * The lock protects the list of calls that wait.  It is taken with the lock of a
 * queue held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "receive.h"
#include "route.h"

struct odgw_change {
	atomic_uint users;		/* the op, and who starts it */
	int socket;			/* what the call was made on */
	int fd;				/* the op's socket; -1: it is closed */
	bool happened;
	bool blocks;			/* the caller's, who ends it in a child, too */
	int family;
	bool of_route;
	struct sockaddr_storage to, from;
	struct odgw_change *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct odgw_change *changes;
static bool listening;

static void put(struct odgw_change *c)
{
	if (atomic_fetch_sub(&c->users, 1) == 1)
		free(c);
}

/* end - it waits for nothing any more, and has a user less */
static void end(void *arg)
{
	struct odgw_change *c = arg, **p;

	pthread_mutex_lock(&lock);
	for (p = &changes; *p && *p != c; p = &(*p)->next)
		;
	if (*p)
		*p = c->next;
	if (c->fd >= 0)
		odgw_close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&lock);
	put(c);
}

/* is_other - whether what @c waits for is now so; lock held */
static bool is_other(const struct odgw_change *c)
{
	struct sockaddr_storage now = { 0 };

	if (!c->of_route)
		return true;
	/* No way there any more is a change, too. */
	return odgw_route_source((const struct sockaddr *)&c->to, &now) ||
	       memcmp(&now, &c->from, (size_t)odgw_address_size(c->family));
}

/* happen - end the calls of one family (0: of both) for which something is new */
static void happen(int family, bool address)
{
	struct odgw_change *c;

	pthread_mutex_lock(&lock);
	for (c = changes; c; c = c->next) {
		if (c->fd < 0 || (family && c->family != family) ||
		    (!c->of_route && !address) || !is_other(c))
			continue;
		c->happened = true;
		odgw_close(c->fd);
		c->fd = -1;
	}
	pthread_mutex_unlock(&lock);
}

void odgw_change_closing(int fd)
{
	struct odgw_change *c;

	pthread_mutex_lock(&lock);
	for (c = changes; c; c = c->next) {
		if (c->socket != fd || c->fd < 0)
			continue;
		odgw_close(c->fd);
		c->fd = -1;
	}
	pthread_mutex_unlock(&lock);
}

static int heard(const struct nlmsghdr *nlh, void *data)
{
	const struct rtgenmsg *gen = mnl_nlmsg_get_payload(nlh);

	(void)data;
	switch (nlh->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		happen(gen->rtgen_family, true);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		happen(gen->rtgen_family, false);
		break;
	}
	return MNL_CB_OK;
}

static void *listen_on(void *arg)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct mnl_socket *nl = arg;
	ssize_t n;

	for (;;) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 0, 0, heard, NULL);
		else if (n < 0 && errno == ENOBUFS)
			happen(0, true);	/* more than could be told */
		else if (n < 0 && errno != EINTR)
			break;
	}
	mnl_socket_close(nl);
	return NULL;
}

/* listen_up - start the thread, if it is not there; it takes no signals */
static int listen_up(void)
{
	unsigned int groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			      RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	struct mnl_socket *nl = NULL;
	sigset_t all, old;
	pthread_t thread;
	int err = 0;

	pthread_mutex_lock(&lock);
	if (listening)
		goto out;
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID)) {
		err = odgw_wsa_from_errno(errno);
		goto out;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, listen_on, nl)) {
		err = WSAENOBUFS;
	} else {
		pthread_detach(thread);
		listening = true;
		nl = NULL;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
out:
	pthread_mutex_unlock(&lock);
	if (nl)
		mnl_socket_close(nl);
	return err;
}

/* deaf_socket - bound, so that a receive can be posted; its filter drops all */
static int deaf_socket(void)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &nothing };
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			sizeof(filter)) &&
	    !bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return fd;
	odgw_close(fd);
	return -1;
}

/* start - with the lock, so that its socket is not closed before it is posted to */
static int start(struct odg_port *port, struct odgw_ticket *ticket, void *arg)
{
	static char nowhere;
	struct odgw_change *c = arg;
	struct odg_seg seg = { .addr = (uintptr_t)&nowhere };
	struct odg_recv recv = {
		.user_data = ticket->user_data,
		.segs = (uintptr_t)&seg,
		.nr_segs = 1,
		.eventfd = ticket->eventfd,
	};
	int ret;

	pthread_mutex_lock(&lock);
	ret = odg_post(port, c->fd, &recv, 1);
	if (ret >= 0) {
		c->next = changes;
		changes = c;
	}
	pthread_mutex_unlock(&lock);
	ticket->id = recv.id;
	return ret < 0 ? ret : 0;
}

/* ended - by a change, a cancel, or the last WSACleanup(), which may come as it starts */
static void ended(const struct odgw_op *op, const struct odg_cqe_wide *cqe,
		  struct odgw_end *how)
{
	(void)cqe;
	if (op->change->happened)
		*how = (struct odgw_end){ .status = STATUS_SUCCESS };
	end(op->change);
}

/* make - NULL, and *err says why */
static struct odgw_change *make(const struct odgw_socket *sock,
				const struct sockaddr *to, int *err)
{
	struct odgw_change *c = calloc(1, sizeof(*c));

	*err = WSAENOBUFS;
	if (!c)
		return NULL;
	atomic_init(&c->users, 1);
	c->socket = sock->fd;
	c->family = sock->family;
	c->fd = deaf_socket();
	if (c->fd < 0) {
		*err = odgw_wsa_from_errno(errno);
		goto free_change;
	}
	*err = 0;
	if (to) {
		c->of_route = true;
		memcpy(&c->to, to, (size_t)odgw_address_size(sock->family));
		*err = odgw_route_source(to, &c->from);
	}
	if (!*err)
		return c;
	odgw_close(c->fd);
free_change:
	free(c);
	return NULL;
}

/* block - until it happens, alertably, as long as SO_RCVTIMEO allows */
static int block(const struct odgw_socket *sock, struct odgw_change *c)
{
	struct odg_cqe_wide cqe;
	int err;

	c->blocks = true;
	pthread_cleanup_push(end, c);
	err = odgw_socket_is_nonblocking(sock->fd) ? WSAEWOULDBLOCK :
	      odgw_call(sock->fd, SO_RCVTIMEO, start, c, &cqe);
	if (!err && !c->happened)
		err = WSAEINTR;
	pthread_cleanup_pop(1);
	return err;
}

int odgw_change_wait(const struct odgw_socket *sock, const struct sockaddr *to,
		     LPWSAOVERLAPPED ov,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_op op = { .overlapped = ov, .store = ended };
	struct odgw_end unused;
	struct odgw_change *c;
	int err;

	err = listen_up();
	if (err)
		return err;
	c = make(sock, to, &err);
	if (!c)
		return err;
	if (!ov)
		return block(sock, c);
	op.change = c;
	atomic_fetch_add(&c->users, 1);
	err = odgw_overlapped_start(sock, &op, routine, start, c, &unused);
	if (err != WSA_IO_PENDING)
		end(c);
	put(c);
	return err;
}

void odgw_change_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_change_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* In the child, lock held: the calls are the parent's, and so is the thread. */
void odgw_change_forked(void)
{
	struct odgw_change *c;

	while (changes) {
		c = changes;
		changes = c->next;
		if (c->fd >= 0)
			odgw_close(c->fd);
		c->fd = -1;
		if (!c->blocks)
			put(c);
	}
	listening = false;
}
