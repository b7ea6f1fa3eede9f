// SPDX-License-Identifier: MIT
/*
 * usage: gen MESSAGES DATAGRAMS-A-SECOND FILE.pcap
 *
 * Writes the capture of a made-up MoldUDP64 feed: MESSAGES messages from number 1
 * on, one to four a datagram.  Heartbeats go before, so that a receiver knows where
 * the feed begins, and ends of session behind, so that it knows what it missed last.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSEC		1000000000ULL
#define HEARTBEATS	10
#define ENDS		10
#define MESSAGE		40	/* bytes, with its length in front */
#define START		1790000000ULL	/* seconds: the same file each time */

struct mold {
	char session[10];
	uint8_t seq[8];
	uint8_t count[2];
	uint8_t messages[4][MESSAGE];
} __attribute__((packed));

static pcap_dumper_t *dump;

static void put(uint8_t *p, uint64_t v, int width)
{
	while (width--) {
		p[width] = (uint8_t)v;
		v >>= 8;
	}
}

static void write_datagram(uint64_t ns, uint64_t seq, unsigned int count,
			   unsigned int carried)
{
	size_t len = offsetof(struct mold, messages) + (size_t)carried * MESSAGE;
	struct {
		struct iphdr ip;
		struct udphdr udp;
		struct mold mold;
	} __attribute__((packed)) packet = {
		.ip = {
			.version = 4,
			.ihl = 5,
			.ttl = 1,
			.protocol = IPPROTO_UDP,
			.tot_len = htons((uint16_t)(28 + len)),
			.saddr = htonl(0x0a2a0001),	/* 10.42.0.1 */
			.daddr = htonl(0xefff2a01),	/* 239.255.42.1 */
		},
		.udp = {
			.source = htons(30001),
			.dest = htons(30001),
			.len = htons((uint16_t)(8 + len)),
		},
	};
	struct pcap_pkthdr pkt = {
		.ts = {
			.tv_sec = (time_t)(START + ns / NSEC),
			.tv_usec = (suseconds_t)(ns % NSEC),
		},
		.caplen = (bpf_u_int32)(28 + len),
		.len = (bpf_u_int32)(28 + len),
	};
	unsigned int i;

	memcpy(packet.mold.session, "ODGRAM0001", 10);
	put(packet.mold.seq, seq, 8);
	put(packet.mold.count, count, 2);
	for (i = 0; i < carried; i++) {
		put(packet.mold.messages[i], MESSAGE - 2, 2);
		memset(packet.mold.messages[i] + 2, 'A' + (int)((seq + i) % 26),
		       MESSAGE - 2);
	}
	pcap_dump((u_char *)dump, &pkt, (u_char *)&packet);
}

int main(int argc, char **argv)
{
	unsigned long messages = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long rate = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t seq = 1, ns = 0;
	pcap_t *pcap;
	int i;

	if (!messages || !rate)
		return fputs("usage: gen MESSAGES DATAGRAMS-A-SECOND FILE.pcap\n", stderr), 2;
	pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535,
						    PCAP_TSTAMP_PRECISION_NANO);
	dump = pcap ? pcap_dump_open(pcap, argv[3]) : NULL;
	if (!dump)
		return fprintf(stderr, "%s\n", pcap ? pcap_geterr(pcap) : "no memory"), 1;

	for (i = 0; i < HEARTBEATS; i++, ns += NSEC / 50)
		write_datagram(ns, 1, 0, 0);
	srand(1);
	while (seq <= messages) {
		unsigned int count = 1 + (unsigned int)(rand() % 4);

		if (count > messages - seq + 1)
			count = (unsigned int)(messages - seq + 1);
		write_datagram(ns, seq, count, count);
		seq += count;
		ns += NSEC / rate;
	}
	for (i = 0; i < ENDS; i++, ns += NSEC / 50)
		write_datagram(ns, seq, 0xffff, 0);
	i = pcap_dump_flush(dump);
	pcap_dump_close(dump);
	pcap_close(pcap);
	return i ? (perror(argv[3]), 1) : 0;
}
