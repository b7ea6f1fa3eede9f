/* SPDX-License-Identifier: MIT */
/* The tool's way to the netlink family. */
#ifndef ODG_TOOL_NL_H
#define ODG_TOOL_NL_H

#include <libmnl/libmnl.h>
#include <linux/odgram_netlink.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct tool_nl - a netlink socket that has found the family
 * @sock: the socket
 * @family: the family's number
 * @events: number of its multicast group
 * @seq: of the last request
 */
struct tool_nl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t events;
	uint32_t seq;
};

/**
 * struct tool_msg - one message, good until the callback returns
 * @attr: its attributes, NULL where there is none; of the groups the first
 * @groups: all groups
 * @nr_groups: how many
 */
struct tool_msg {
	const struct nlattr *attr[ODG_A_MAX + 1];
	const struct nlattr *groups[ODG_GENL_MAX_GROUPS];
	unsigned int nr_groups;
};

/* Returns 0, or what the request is to return. */
typedef int (*tool_nl_fn)(const struct tool_msg *msg, void *arg);

/* All return 0 or -errno; tool_nl_open() has said why on stderr. */
int tool_nl_open(struct tool_nl *nl);
void tool_nl_close(struct tool_nl *nl);
int tool_nl_dump(struct tool_nl *nl, uint8_t cmd, tool_nl_fn fn, void *arg);
int tool_nl_get(struct tool_nl *nl, uint8_t cmd, uint32_t id, tool_nl_fn fn,
		void *arg);
int tool_nl_set_hist(struct tool_nl *nl, uint32_t id, bool on);
int tool_nl_join(struct tool_nl *nl);
/* Waits for messages of the group, for ever. */
int tool_nl_listen(struct tool_nl *nl, tool_nl_fn fn, void *arg);

/* What one of these says. */
const char *tool_nl_error(int err);

/* A number of 1, 4 or 8 bytes; 0 if there is none. */
uint64_t tool_number(const struct tool_msg *msg, int attr);

#endif /* ODG_TOOL_NL_H */
