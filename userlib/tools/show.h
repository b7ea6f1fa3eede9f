/* SPDX-License-Identifier: MIT */
/* How the tool shows a message: as a row for people, as JSON for programs. */
#ifndef ODG_TOOL_SHOW_H
#define ODG_TOOL_SHOW_H

#include <stddef.h>
#include <stdio.h>

#include "nl.h"

/* One cell of a table. */
#define SHOW_CELL 64

enum show_kind {
	SHOW_NUMBER,
	SHOW_BYTES,	/* "20K": rounded, for a look */
	SHOW_LOCAL,	/* address and port */
	SHOW_PEER,
	SHOW_SLOW,	/* in words */
	SHOW_AGE,	/* of a point in time */
	SHOW_COMMAND,	/* of a process */
};

/**
 * struct show_column - a column of a table
 * @head: its name
 * @attr: what it shows
 * @kind: how
 * @spare: left out where the terminal is too narrow
 */
struct show_column {
	const char *head;
	enum odg_genl_attr attr;
	enum show_kind kind;
	bool spare;
};

void show_cell(char *cell, const struct show_column *column,
	       const struct tool_msg *msg);

/* A table that grows by rows and is printed at the end. */
struct show_table {
	const struct show_column *columns;
	size_t nr_columns;
	char (*cells)[SHOW_CELL];
	size_t nr_rows, room;
};

/* 0 or -ENOMEM. */
int show_add(struct show_table *table, const struct tool_msg *msg);
void show_print(const struct show_table *table);
void show_free(struct show_table *table);

/* The message as a JSON object, on one line and without an end of line. */
void show_json(const struct tool_msg *msg);

/* The same for people, all of it: a line for each field, and an empty one. */
void show_long(const struct tool_msg *msg);

/* In words, for a person; enum odg_slow and enum odg_genl_event. */
const char *show_slow(unsigned int slow);
const char *show_event(unsigned int event);

/* "10.0.0.1:80" or "[::1]:80"; "-" if there is none. */
void show_endpoint(char *text, size_t size, const struct tool_msg *msg, int addr,
		   int port);

#endif /* ODG_TOOL_SHOW_H */
