// SPDX-License-Identifier: MIT
/*
 * The tool's way to the netlink family: requests, their answers, and the group.
 *
 * By hand and not by mnl_cb_run(), which gives up where a dump was told that
 * something came or went.  Ours stays complete (odgram_netlink.h says why).
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>

#include "nl.h"

static void parse(const struct nlmsghdr *nlh, struct tool_msg *msg)
{
	const struct nlattr *attr;

	memset(msg, 0, sizeof(*msg));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		uint16_t type = mnl_attr_get_type(attr);

		/* from a newer module */
		if (type > ODG_A_MAX)
			continue;
		if (!msg->attr[type])
			msg->attr[type] = attr;
		if (type == ODG_A_GROUP &&
		    mnl_attr_get_payload_len(attr) >= sizeof(struct odg_genl_group) &&
		    msg->nr_groups < ODG_GENL_MAX_GROUPS)
			msg->groups[msg->nr_groups++] = attr;
	}
}

uint64_t tool_number(const struct tool_msg *msg, int attr)
{
	const struct nlattr *a = msg->attr[attr];

	switch (a ? mnl_attr_get_payload_len(a) : 0) {
	case sizeof(uint8_t):
		return mnl_attr_get_u8(a);
	case sizeof(uint32_t):
		return mnl_attr_get_u32(a);
	case sizeof(uint64_t):
		return mnl_attr_get_u64(a);
	}
	return 0;
}

/* What a message has to say: 1 go on, 0 the end, or -errno. */
static int handle(const struct nlmsghdr *nlh, tool_nl_fn fn, void *arg)
{
	struct tool_msg msg;
	int ret;

	if (nlh->nlmsg_type == NLMSG_NOOP)
		return 1;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(int))
			return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
		return *(const int *)mnl_nlmsg_get_payload(nlh);
	}
	if (!fn)
		return 1;
	parse(nlh, &msg);
	ret = fn(&msg, arg);
	return ret ? ret : 1;
}

/* Takes messages until one says that it was the last; of seq, if that is not 0. */
static int receive(struct tool_nl *nl, uint32_t seq, tool_nl_fn fn, void *arg)
{
	char buf[64 * 1024];

	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buf;
		ssize_t got = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
		int len = (int)got, ret;

		if (got < 0 && errno == EINTR && seq)
			continue;
		if (got < 0)
			return errno == ENOSPC ? -EBADMSG : -errno;
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (seq && nlh->nlmsg_seq != seq)
				continue;
			ret = handle(nlh, fn, arg);
			if (ret <= 0)
				return ret;
		}
		/* what waits for the rest of it waits for ever */
		if (len > 0)
			return -EBADMSG;
	}
}

static struct nlmsghdr *request(struct tool_nl *nl, void *buf, uint8_t cmd,
				uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = ODG_GENL_VERSION;
	return nlh;
}

static int talk(struct tool_nl *nl, const struct nlmsghdr *nlh, tool_nl_fn fn,
		void *arg)
{
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return receive(nl, nlh->nlmsg_seq, fn, arg);
}

int tool_nl_dump(struct tool_nl *nl, uint8_t cmd, tool_nl_fn fn, void *arg)
{
	char buf[64];

	return talk(nl, request(nl, buf, cmd, NLM_F_DUMP), fn, arg);
}

int tool_nl_get(struct tool_nl *nl, uint8_t cmd, uint32_t id, tool_nl_fn fn,
		void *arg)
{
	char buf[64];
	struct nlmsghdr *nlh = request(nl, buf, cmd, NLM_F_ACK);

	if (id)
		mnl_attr_put_u32(nlh, ODG_A_ID, id);
	return talk(nl, nlh, fn, arg);
}

int tool_nl_set_hist(struct tool_nl *nl, uint32_t id, bool on)
{
	char buf[64];
	struct nlmsghdr *nlh = request(nl, buf, ODG_CMD_HIST_SET, NLM_F_ACK);

	mnl_attr_put_u32(nlh, ODG_A_ID, id);
	mnl_attr_put_u8(nlh, ODG_A_HIST_ON, on);
	return talk(nl, nlh, NULL, NULL);
}

int tool_nl_join(struct tool_nl *nl)
{
	if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &nl->events,
				  sizeof(nl->events)) < 0)
		return -errno;
	return 0;
}

int tool_nl_listen(struct tool_nl *nl, tool_nl_fn fn, void *arg)
{
	return receive(nl, 0, fn, arg);
}

/* The controller's attributes have numbers of their own. */
static void found(const struct nlmsghdr *nlh, struct tool_nl *nl)
{
	const struct nlattr *attr, *group, *a;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr)
			mnl_attr_for_each_nested(a, group)
				if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
					nl->events = mnl_attr_get_u32(a);
	}
}

static int find_family(struct tool_nl *nl)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh = request(nl, buf, CTRL_CMD_GETFAMILY, 0);
	ssize_t len;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, ODG_GENL_NAME);
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	len = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
	if (len < 0)
		return -errno;
	nlh = (struct nlmsghdr *)buf;
	if (!mnl_nlmsg_ok(nlh, (int)len))
		return -EBADMSG;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return handle(nlh, NULL, NULL);
	found(nlh, nl);
	return nl->family == GENL_ID_CTRL ? -ENOENT : 0;
}

const char *tool_nl_error(int err)
{
	return err == -EBADMSG ? "the kernel's answer is cut off or malformed" :
				 strerror(-err);
}

int tool_nl_open(struct tool_nl *nl)
{
	int ret;

	*nl = (struct tool_nl){
		.sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC),
		.family = GENL_ID_CTRL,
	};
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		perror("odgram: netlink");
		goto err_close;
	}
	ret = find_family(nl);
	if (!ret)
		return 0;
	fprintf(stderr, "odgram: %s\n", ret == -ENOENT ?
		"the odgram module is not loaded: sudo modprobe odgram" :
		tool_nl_error(ret));
err_close:
	tool_nl_close(nl);
	return ret;
}

void tool_nl_close(struct tool_nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
}
