// SPDX-License-Identifier: MIT
/*
 * What rtnetlink knows: the machine's addresses, its interfaces, and which address
 * a destination is reached from.
 *
 * Each question opens a netlink socket of its own.  No locks.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "route.h"

/* question - send @nlh and hand each message of the answer to @cb; 0 or an error */
static int question(struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	bool dump = nlh->nlmsg_flags & NLM_F_DUMP;
	ssize_t n;
	int ret = MNL_CB_ERROR, err;

	if (!nl)
		return odgw_wsa_from_errno(errno);
	nlh->nlmsg_seq = 1;
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0)
		ret = MNL_CB_OK;
	while (ret > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		ret = n < 0 ? MNL_CB_ERROR :
		      mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl),
				 cb, data);
		/* Only a dump has an end of its own. */
		if (!dump)
			break;
	}
	err = ret < 0 ? odgw_wsa_from_errno(errno) : 0;
	mnl_socket_close(nl);
	return err;
}

/* ask - the same in a thread that cannot be cancelled meanwhile */
static int ask(struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	int err, state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	err = question(nlh, cb, data);
	pthread_setcancelstate(state, NULL);
	return err;
}

static size_t size_of(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) :
				   sizeof(struct in6_addr);
}

static void *address_in(struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET ?
	       (void *)&((struct sockaddr_in *)ss)->sin_addr :
	       (void *)&((struct sockaddr_in6 *)ss)->sin6_addr;
}

/* take - an address out of an attribute, with its scope if it needs one */
static void take(struct sockaddr_storage *ss, int family,
		 const struct nlattr *attr, uint32_t ifindex)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	*ss = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
	if (mnl_attr_get_payload_len(attr) < size_of(family))
		return;
	memcpy(address_in(ss), mnl_attr_get_payload(attr), size_of(family));
	if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = ifindex;
}

static int route_answer(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *source = NULL;
	uint32_t oif = 0;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_PREFSRC)
			source = attr;
		else if (mnl_attr_get_type(attr) == RTA_OIF)
			oif = mnl_attr_get_u32(attr);
	}
	if (source)
		take(data, rtm->rtm_family, source, oif);
	return MNL_CB_OK;
}

int odgw_route_source(const struct sockaddr *to, struct sockaddr_storage *from)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct sockaddr_storage ss = { 0 };
	struct rtmsg *rtm;
	int err;

	memcpy(&ss, to, (size_t)odgw_address_size(to->sa_family));
	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = to->sa_family;
	rtm->rtm_dst_len = (unsigned char)(8 * size_of(to->sa_family));
	mnl_attr_put(nlh, RTA_DST, size_of(to->sa_family), address_in(&ss));
	if (to->sa_family == AF_INET6 &&
	    ((struct sockaddr_in6 *)&ss)->sin6_scope_id)
		mnl_attr_put_u32(nlh, RTA_OIF,
				 ((struct sockaddr_in6 *)&ss)->sin6_scope_id);
	from->ss_family = AF_UNSPEC;
	err = ask(nlh, route_answer, from);
	if (!err && from->ss_family == AF_UNSPEC)
		err = WSAENETUNREACH;
	return err;
}

struct walk {
	int family;
	odgw_address_fn fn;
	void *arg;
};

static int link_answer(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == RTM_NEWLINK)
		*(unsigned int *)data = ifi->ifi_flags;
	return MNL_CB_OK;
}

/* flags_of - an interface's IFF_*; 0 if it has gone */
static unsigned int flags_of(int ifindex)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned int flags = 0;
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	return ask(nlh, link_answer, &flags) ? 0 : flags;
}

static int address_answer(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *local = NULL, *broadcast = NULL;
	struct odgw_local found = { 0 };
	struct walk *walk = data;

	if (nlh->nlmsg_type != RTM_NEWADDR || ifa->ifa_family != walk->family)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		/* IFA_ADDRESS is the peer's if there is IFA_LOCAL, too. */
		if (mnl_attr_get_type(attr) == IFA_LOCAL ||
		    (mnl_attr_get_type(attr) == IFA_ADDRESS && !local))
			local = attr;
		else if (mnl_attr_get_type(attr) == IFA_BROADCAST)
			broadcast = attr;
	}
	if (!local)
		return MNL_CB_OK;
	take(&found.address, ifa->ifa_family, local, ifa->ifa_index);
	if (broadcast)
		take(&found.broadcast, ifa->ifa_family, broadcast, 0);
	found.prefix = ifa->ifa_prefixlen;
	found.flags = flags_of((int)ifa->ifa_index);
	walk->fn(&found, walk->arg);
	return MNL_CB_OK;
}

int odgw_route_addresses(int family, odgw_address_fn fn, void *arg)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct walk walk = { family, fn, arg };
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = (unsigned char)family;
	return ask(nlh, address_answer, &walk);
}
