// SPDX-License-Identifier: MIT
/*
 * Writing what was received (capture.h), through libpcap.  A completion has the
 * addresses, not the packet: the IP and UDP headers are made here.
 */
#include <errno.h>
#include <linux/odgram.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

#define MAX_PACKET	(sizeof(struct ip6_hdr) + sizeof(struct udphdr) + 65535)

/* Of @pcap and @dump, or of @raw. */
struct capture_writer {
	char *path;
	pcap_t *pcap;
	pcap_dumper_t *dump;
	FILE *raw;
	uint8_t packet[MAX_PACKET];
};

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

static bool open_file(struct capture_writer *w)
{
	if (!has_suffix(w->path, ".pcap")) {
		w->raw = fopen(w->path, "we");
		if (!w->raw)
			fprintf(stderr, "odgram: %s: %s\n", w->path,
				strerror(errno));
		return w->raw;
	}
	w->pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, MAX_PACKET,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (w->pcap)
		w->dump = pcap_dump_open(w->pcap, w->path);
	if (!w->dump)
		fprintf(stderr, "odgram: %s\n",
			w->pcap ? pcap_geterr(w->pcap) : "no memory");
	return w->dump;
}

struct capture_writer *capture_create(const char *path)
{
	struct capture_writer *w = calloc(1, sizeof(*w));

	if (!w || !(w->path = strdup(path))) {
		fputs("odgram: no memory\n", stderr);
		free(w);
		return NULL;
	}
	if (open_file(w))
		return w;
	if (w->pcap)
		pcap_close(w->pcap);
	free(w->path);
	free(w);
	return NULL;
}

/* sum - of 16-bit words in network order, as the Internet checksum wants it */
static uint32_t sum(const void *data, size_t len, uint32_t acc)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		acc += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		acc += (uint32_t)p[len - 1] << 8;
	return acc;
}

static uint16_t fold(uint32_t acc)
{
	acc = (acc >> 16) + (acc & 0xffff);
	acc = (acc >> 16) + (acc & 0xffff);
	return htons((uint16_t)~acc);
}

static size_t put_v4(uint8_t *packet, const struct odg_cqe_wide *wide, size_t udp)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = wide->tos,
		.tot_len = htons((uint16_t)(sizeof(ip) + udp)),
		.ttl = wide->ttl,
		.protocol = IPPROTO_UDP,
		.saddr = wide->cqe.v4.addr,
		.daddr = wide->cqe.v4.local,
	};

	ip.check = fold(sum(&ip, sizeof(ip), 0));
	memcpy(packet, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t put_v6(uint8_t *packet, const struct odg_cqe_wide *wide, size_t udp)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6U << 28 | (uint32_t)wide->tos << 20),
		.ip6_plen = htons((uint16_t)udp),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = wide->ttl,
	};

	memcpy(&ip.ip6_src, wide->cqe.addr, 16);
	memcpy(&ip.ip6_dst, wide->local, 16);
	memcpy(packet, &ip, sizeof(ip));
	return sizeof(ip);
}

/* udp_check - over the pseudo header: both addresses, protocol, length */
static uint16_t udp_check(const uint8_t *packet, size_t ip, size_t udp, bool v6)
{
	size_t addresses = v6 ? 8 : 12;
	uint16_t check;

	check = fold(sum(packet + addresses, ip - addresses,
			 sum(packet + ip, udp, IPPROTO_UDP + (uint32_t)udp)));
	return check ? check : 0xffff;
}

int capture_write(struct capture_writer *w, const struct odg_cqe_wide *wide,
		  uint16_t local_port, uint64_t ns, const uint8_t *payload)
{
	bool v6 = wide->cqe.flags & ODG_CQE_IPV6;
	size_t udp = sizeof(struct udphdr) + wide->cqe.len, ip;
	struct udphdr header = {
		.source = wide->cqe.port,
		.dest = local_port,
		.len = htons((uint16_t)udp),
	};
	struct pcap_pkthdr pkt;

	if (w->raw)
		return fwrite(payload, 1, wide->cqe.len, w->raw) ==
			wide->cqe.len ? 0 : -1;

	ip = v6 ? put_v6(w->packet, wide, udp) : put_v4(w->packet, wide, udp);
	memcpy(w->packet + ip, &header, sizeof(header));
	memcpy(w->packet + ip + sizeof(header), payload, wide->cqe.len);
	header.check = udp_check(w->packet, ip, udp, v6);
	memcpy(w->packet + ip, &header, sizeof(header));

	pkt = (struct pcap_pkthdr){
		/* nanoseconds, in this precision */
		.ts = {
			.tv_sec = (time_t)(ns / 1000000000),
			.tv_usec = (suseconds_t)(ns % 1000000000),
		},
		.caplen = (bpf_u_int32)(ip + udp),
		.len = (bpf_u_int32)(ip + udp),
	};
	pcap_dump((u_char *)w->dump, &pkt, w->packet);
	return 0;
}

int capture_finish(struct capture_writer *w)
{
	FILE *file = w->raw ? w->raw : pcap_dump_file(w->dump);
	int ret = fflush(file) || ferror(file) ? -1 : 0;

	if (ret)
		fprintf(stderr, "odgram: %s: not all could be written\n", w->path);
	if (w->raw)
		fclose(w->raw);
	else
		pcap_dump_close(w->dump);
	if (w->pcap)
		pcap_close(w->pcap);
	free(w->path);
	free(w);
	return ret;
}
