// SPDX-License-Identifier: MIT
/*
 * Reading UDP datagrams out of a capture (capture.h), through libpcap.  Nothing in
 * the file is believed: every length is held against what was captured.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

struct capture_reader {
	const char *path;
	pcap_t *pcap;
	uint64_t passed_over;
};

/* What is left of a packet. */
struct rest {
	const uint8_t *p;
	size_t len;
};

/* take - the next @n bytes, or NULL */
static const uint8_t *take(struct rest *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->len < n)
		return NULL;
	r->p += n;
	r->len -= n;
	return p;
}

struct capture_reader *capture_open(const char *path)
{
	struct capture_reader *r = calloc(1, sizeof(*r));
	char text[PCAP_ERRBUF_SIZE] = "no memory";

	if (r)
		r->pcap = pcap_open_offline_with_tstamp_precision(path,
				PCAP_TSTAMP_PRECISION_NANO, text);
	if (!r || !r->pcap) {
		fprintf(stderr, "odgram: %s: %s\n", path, text);
		free(r);
		return NULL;
	}
	r->path = path;
	switch (pcap_datalink(r->pcap)) {
	case DLT_EN10MB: case DLT_RAW: case DLT_IPV4: case DLT_IPV6:
	case DLT_LINUX_SLL: case DLT_LINUX_SLL2: case DLT_NULL: case DLT_LOOP:
		return r;
	}
	fprintf(stderr, "odgram: %s: no IP packets in link type %s\n", path,
		pcap_datalink_val_to_name(pcap_datalink(r->pcap)));
	capture_close(r);
	return NULL;
}

void capture_close(struct capture_reader *r)
{
	pcap_close(r->pcap);
	free(r);
}

uint64_t capture_passed_over(const struct capture_reader *r)
{
	return r->passed_over;
}

/* strip_ethernet - down to IP, through VLAN tags */
static bool strip_ethernet(struct rest *r)
{
	const uint8_t *p = take(r, 14);
	unsigned int type = p ? (unsigned int)(p[12] << 8 | p[13]) : 0;

	while (type == ETHERTYPE_VLAN || type == 0x88a8) {
		p = take(r, 4);
		type = p ? (unsigned int)(p[2] << 8 | p[3]) : 0;
	}
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6;
}

static bool strip_link(int link, struct rest *r)
{
	switch (link) {
	case DLT_EN10MB:
		return strip_ethernet(r);
	case DLT_LINUX_SLL:
		return take(r, 16);
	case DLT_LINUX_SLL2:
		return take(r, 20);
	case DLT_NULL:
	case DLT_LOOP:
		return take(r, 4);
	}
	return true;
}

static bool strip_v4(struct rest *r, struct capture_datagram *d)
{
	struct sockaddr_in *in = (void *)&d->to;
	const uint8_t *p = take(r, sizeof(struct iphdr));
	struct iphdr ip;
	size_t header, total;

	if (!p)
		return false;
	memcpy(&ip, p, sizeof(ip));
	header = ip.ihl * 4U;
	total = ntohs(ip.tot_len);
	/* A fragment has no UDP header, or not all of the datagram. */
	if (ip.protocol != IPPROTO_UDP || header < sizeof(ip) || total < header ||
	    ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK) ||
	    !take(r, header - sizeof(ip)))
		return false;
	/* Ethernet pads short packets. */
	if (r->len > total - header)
		r->len = total - header;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = ip.daddr;
	d->to_len = sizeof(*in);
	return true;
}

static bool strip_v6(struct rest *r, struct capture_datagram *d)
{
	struct sockaddr_in6 *in6 = (void *)&d->to;
	const uint8_t *p = take(r, sizeof(struct ip6_hdr));
	struct ip6_hdr ip;

	if (!p)
		return false;
	memcpy(&ip, p, sizeof(ip));
	if (ip.ip6_nxt != IPPROTO_UDP)
		return false;
	if (r->len > ntohs(ip.ip6_plen))
		r->len = ntohs(ip.ip6_plen);
	in6->sin6_family = AF_INET6;
	in6->sin6_addr = ip.ip6_dst;
	d->to_len = sizeof(*in6);
	return true;
}

static bool strip_udp(struct rest *r, struct capture_datagram *d)
{
	const uint8_t *p = take(r, sizeof(struct udphdr));
	struct udphdr udp;

	if (!p)
		return false;
	memcpy(&udp, p, sizeof(udp));
	if (ntohs(udp.len) != sizeof(udp) + r->len)
		return false;
	/* The port stands at the same place in both families. */
	((struct sockaddr_in *)(void *)&d->to)->sin_port = udp.dest;
	d->payload = r->p;
	d->len = r->len;
	return true;
}

int capture_next(struct capture_reader *r, struct capture_datagram *d)
{
	struct pcap_pkthdr *pkt;
	const u_char *data;
	struct rest rest;
	int ret;

	for (;;) {
		ret = pcap_next_ex(r->pcap, &pkt, &data);
		if (ret == PCAP_ERROR_BREAK)
			return 0;
		if (ret != 1) {
			fprintf(stderr, "odgram: %s: %s\n", r->path,
				pcap_geterr(r->pcap));
			return -1;
		}
		memset(&d->to, 0, sizeof(d->to));
		d->ns = (uint64_t)pkt->ts.tv_sec * 1000000000U +
			(uint64_t)pkt->ts.tv_usec;
		rest = (struct rest){ data, pkt->caplen };
		if (pkt->caplen == pkt->len &&
		    strip_link(pcap_datalink(r->pcap), &rest) && rest.len &&
		    (rest.p[0] >> 4 == 6 ? strip_v6(&rest, d) :
					   strip_v4(&rest, d)) &&
		    strip_udp(&rest, d))
			return 1;
		r->passed_over++;
	}
}
