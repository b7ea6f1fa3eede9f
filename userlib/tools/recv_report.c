// SPDX-License-Identifier: MIT
/* odgram recv: what it says while it receives and at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "recv.h"

/* "A", or "A2" of several channels */
#define LABEL	16

static const char *label(char *text, const struct receiver *r, unsigned int line,
			 unsigned int channel)
{
	if (r->nr_channels == 1)
		snprintf(text, LABEL, "%c", 'A' + (int)line);
	else
		snprintf(text, LABEL, "%c%u", 'A' + (int)line, channel + 1);
	return text;
}

/* sum - of all channels; of each line nothing */
static struct odg_feed_stats sum(const struct receiver *r)
{
	struct odg_feed_stats all = { 0 };
	unsigned int i;

	for (i = 0; r->format && i < r->nr_channels; i++) {
		const struct odg_feed_stats *s = odg_feed_stats(r->channel[i].feed);

		all.messages += s->messages;
		all.duplicates += s->duplicates;
		all.gapped += s->gapped;
		all.filled += s->filled;
		all.lost += s->lost;
		all.late += s->late;
		all.gaps += s->gaps;
		all.malformed += s->malformed;
		all.outside += s->outside;
		all.restarts += s->restarts;
	}
	return all;
}

static const struct odg_feed_line_stats *of_line(const struct receiver *r,
						 const struct line *line)
{
	static const struct odg_feed_line_stats none;

	if (!r->format)
		return &none;
	return &odg_feed_stats(r->channel[line->channel].feed)->line[line->number];
}

void recv_print_live(const struct receiver *r)
{
	struct odg_feed_stats s = sum(r);

	fprintf(stderr, "\r%" PRIu64 " datagrams, %" PRIu64 " bytes", r->datagrams,
		r->bytes);
	if (r->format)
		fprintf(stderr, "; %" PRIu64 " messages, %" PRIu64 " missing, %"
			PRIu64 " lost", s.messages,
			s.gapped - s.filled - s.lost, s.lost);
	fputs("\033[K", stderr);
}

static const char *event_name(enum odg_feed_what what)
{
	static const char *const names[] = {
		[ODG_FEED_NEW] = "new",
		[ODG_FEED_GAP] = "gap",
		[ODG_FEED_FILLED] = "filled",
		[ODG_FEED_LOST] = "lost",
		[ODG_FEED_RESTART] = "restart",
		[ODG_FEED_END] = "end",
	};

	return names[what];
}

static void event_text(const struct channel *c, const struct odg_feed_event *e,
		       const struct timespec *now)
{
	char clock[16], text[LABEL];
	struct tm tm;

	localtime_r(&now->tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	/* over the live line, which is printed anew soon */
	fprintf(stderr, "%s%s.%06ld  %-7s  %" PRIu64, c->r->quiet ? "" : "\r\033[K",
		clock, now->tv_nsec / 1000, event_name(e->what), e->seq);
	if (e->count > 1)
		fprintf(stderr, " to %" PRIu64, e->seq + e->count - 1);
	/* what is lost no line brought */
	if (e->what != ODG_FEED_LOST)
		fprintf(stderr, "  (line %s)", label(text, c->r, e->line, c->number));
	else if (c->r->nr_channels > 1)
		fprintf(stderr, "  (channel %u)", c->number + 1);
	fputc('\n', stderr);
}

void recv_print_event(const struct channel *c, const struct odg_feed_event *e)
{
	FILE *out = c->r->json_out;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!out) {
		event_text(c, e, &now);
		return;
	}
	fprintf(out, "{\"event\": \"%s\", \"time_ns\": %" PRIu64
		", \"seq\": %" PRIu64 ", \"count\": %" PRIu64, event_name(e->what),
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
		e->seq, e->count);
	if (e->what != ODG_FEED_LOST)
		fprintf(out, ", \"line\": \"%c\"", 'A' + (int)e->line);
	fprintf(out, ", \"channel\": %u}\n", c->number + 1);
}

static void print_losses(const struct receiver *r, FILE *out)
{
	uint64_t i, named = r->nr_losses < MAX_LOSSES ? r->nr_losses : MAX_LOSSES;

	for (i = 0; i < named; i++) {
		const struct loss *l = &r->losses[i];

		if (r->nr_channels > 1)
			fprintf(out, "channel %u: ", l->channel + 1);
		fprintf(out, "lost %" PRIu64, l->seq);
		if (l->count > 1)
			fprintf(out, " to %" PRIu64, l->seq + l->count - 1);
		fputc('\n', out);
	}
	if (r->nr_losses > named)
		fprintf(out, "and %" PRIu64 " more\n", r->nr_losses - named);
}

static void print_lines(const struct receiver *r, FILE *out)
{
	char text[LABEL];
	unsigned int i;

	fprintf(out, "%-6s %12s %14s %9s %9s", "line", "datagrams", "bytes", "cut off",
	       "dropped");
	if (r->format)
		fprintf(out, " %12s %9s %9s %9s", "first", "repeated", "reordered",
		       "missing");
	fputc('\n', out);
	for (i = 0; i < r->lines.nr; i++) {
		const struct line *l = &r->lines.line[i];
		const struct odg_feed_line_stats *s = of_line(r, l);

		fprintf(out, "%-6s %12" PRIu64 " %14" PRIu64 " %9" PRIu64 " %9" PRIu64,
		       label(text, r, l->number, l->channel), l->datagrams,
		       l->bytes, l->truncated, l->dropped);
		if (r->format)
			fprintf(out, " %12" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64,
			       s->first, s->repeated, s->reordered, s->missing);
		fputc('\n', out);
	}
}

static void print_feed(const struct odg_feed_stats *s, FILE *out)
{
	fprintf(out, "%" PRIu64 " messages, %" PRIu64 " further copies; %" PRIu64
	       " were missing: %" PRIu64 " came, %" PRIu64 " lost\n",
	       s->messages, s->duplicates, s->gapped, s->filled, s->lost);
	if (s->malformed || s->outside || s->restarts)
		fprintf(out, "%" PRIu64 " malformed, %" PRIu64
		       " out of range, %" PRIu64 " restarts\n",
		       s->malformed, s->outside, s->restarts);
}

void recv_print_text(const struct receiver *r, FILE *out)
{
	const struct odg_feed_stats all = sum(r);

	print_lines(r, out);
	if (r->format) {
		print_feed(&all, out);
		print_losses(r, out);
	}
	if (r->lines.hw)
		fprintf(out, "%" PRIu64 " of %" PRIu64 " datagrams with the device's time\n",
			r->hw_stamped, r->datagrams);
	latency_print(&r->to_queue, "arrival to completion", out);
	latency_print(&r->to_program, "arrival to program", out);
}

static void json_latency(const char *name, const struct latency *lat, FILE *out)
{
	fprintf(out, ", \"%s\": {\"count\": %" PRIu64 ", \"min\": %" PRIu64
	       ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"max\": %" PRIu64 "}",
	       name, lat->count, lat->min, latency_percentile(lat, 0.5),
	       latency_percentile(lat, 0.99), lat->max);
}

void recv_print_json(const struct receiver *r, FILE *out)
{
	const struct odg_feed_stats s = sum(r);
	uint64_t i, named = r->nr_losses < MAX_LOSSES ? r->nr_losses : MAX_LOSSES;

	fprintf(out, "{\"datagrams\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"hw_stamped\": %" PRIu64 ", \"messages\": %" PRIu64
	       ", \"duplicates\": %" PRIu64 ", \"gaps\": %" PRIu64 ", \"gapped\": %" PRIu64 ", \"filled\": %"
	       PRIu64 ", \"lost\": %" PRIu64 ", \"late\": %" PRIu64
	       ", \"malformed\": %" PRIu64 ", \"outside\": %" PRIu64
	       ", \"restarts\": %" PRIu64 ", \"lines\": [",
	       r->datagrams, r->bytes, r->hw_stamped, s.messages, s.duplicates,
	       s.gaps, s.gapped, s.filled, s.lost, s.late, s.malformed, s.outside,
	       s.restarts);
	for (i = 0; i < r->lines.nr; i++) {
		const struct line *l = &r->lines.line[i];
		const struct odg_feed_line_stats *ls = of_line(r, l);

		fprintf(out, "%s{\"line\": \"%c\", \"channel\": %u, \"datagrams\": %"
		       PRIu64 ", \"bytes\": %" PRIu64 ", \"truncated\": %" PRIu64 ", \"dropped\": %" PRIu64
		       ", \"messages\": %" PRIu64 ", \"first\": %" PRIu64
		       ", \"repeated\": %" PRIu64 ", \"reordered\": %" PRIu64
		       ", \"missing\": %" PRIu64 "}", i ? ", " : "",
		       'A' + (int)l->number, l->channel + 1, l->datagrams,
		       l->bytes, l->truncated, l->dropped,
		       ls->messages, ls->first, ls->repeated, ls->reordered,
		       ls->missing);
	}
	fputs("], \"losses\": [", out);
	for (i = 0; i < named; i++)
		fprintf(out, "%s[%" PRIu64 ", %" PRIu64 ", %u]", i ? ", " : "",
		       r->losses[i].seq, r->losses[i].count,
		       r->losses[i].channel + 1);
	fputc(']', out);
	json_latency("arrival_to_completion_ns", &r->to_queue, out);
	json_latency("arrival_to_program_ns", &r->to_program, out);
	fputs("}\n", out);
}
