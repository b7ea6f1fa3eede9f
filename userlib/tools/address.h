/* SPDX-License-Identifier: MIT */
/* Where a datagram comes from or goes to, as the user types it. */
#ifndef ODG_ADDRESS_H
#define ODG_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/**
 * struct address - ADDRESS:PORT[@INTERFACE][/SOURCE], IPv6 in brackets
 * @to: address and port
 * @len: of @to
 * @source: of source-specific multicast; family AF_UNSPEC for none
 * @ifindex: 0 for none
 */
struct address {
	struct sockaddr_storage to;
	socklen_t len;
	struct sockaddr_storage source;
	unsigned int ifindex;
};

#define ADDRESS_SYNTAX	"ADDRESS:PORT[@INTERFACE][/SOURCE], IPv6 in brackets"

/* 0, or -1 with a line on stderr. */
int address_parse(const char *text, struct address *address);

bool address_is_multicast(const struct sockaddr_storage *ss);

#endif /* ODG_ADDRESS_H */
