// SPDX-License-Identifier: MIT
/* Addresses as the user types them (address.h). */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

static int complain(const char *text, const char *what)
{
	fprintf(stderr, "odgram: %s: %s (wanted: " ADDRESS_SYNTAX ")\n", text,
		what);
	return -1;
}

/* numeric - an address without a name service; false if it is none */
static bool numeric(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		ss->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		ss->ss_family = AF_INET6;
	return ss->ss_family != AF_UNSPEC;
}

/* cut - end @s at the last @c in it and return what follows; NULL if none */
static char *cut(char *s, int c)
{
	char *p = strrchr(s, c);

	if (p)
		*p++ = '\0';
	return p;
}

/* host_and_port - split "HOST:PORT" or "[HOST]:PORT" */
static int host_and_port(const char *text, char *s, struct address *a)
{
	char *port = cut(s, ':'), *end;
	unsigned long number;
	size_t n = strlen(s);

	if (!port)
		return complain(text, "no port");
	number = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end || !number || number > 65535)
		return complain(text, "not a port");
	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s[n - 1] = '\0';
		s++;
	}
	if (!numeric(s, &a->to))
		return complain(text, "not a numeric address");
	if (a->to.ss_family == AF_INET) {
		((struct sockaddr_in *)(void *)&a->to)->sin_port =
			htons((uint16_t)number);
		a->len = sizeof(struct sockaddr_in);
	} else {
		((struct sockaddr_in6 *)(void *)&a->to)->sin6_port =
			htons((uint16_t)number);
		a->len = sizeof(struct sockaddr_in6);
	}
	return 0;
}

int address_parse(const char *text, struct address *a)
{
	char s[200], *source, *interface;

	memset(a, 0, sizeof(*a));
	if (strlen(text) >= sizeof(s))
		return complain(text, "too long");
	strcpy(s, text);
	source = cut(s, '/');
	interface = cut(s, '@');
	if (host_and_port(text, s, a))
		return -1;
	if (source && (!numeric(source, &a->source) ||
		       a->source.ss_family != a->to.ss_family))
		return complain(text, "the source is not an address of that family");
	if (source && !address_is_multicast(&a->to))
		return complain(text, "a source is for a multicast group only");
	if (interface) {
		a->ifindex = if_nametoindex(interface);
		if (!a->ifindex)
			return complain(text, "no such interface");
		/* what is of one link needs it; the kernel ignores it in others */
		if (a->to.ss_family == AF_INET6)
			((struct sockaddr_in6 *)(void *)&a->to)->sin6_scope_id =
				a->ifindex;
	}
	return 0;
}

bool address_is_multicast(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(
			&((const struct sockaddr_in6 *)(const void *)ss)->sin6_addr);
	return IN_MULTICAST(ntohl(
		((const struct sockaddr_in *)(const void *)ss)->sin_addr.s_addr));
}
