/* SPDX-License-Identifier: MIT */
/*
 * Sizes and counts in /proc.
 */
#ifndef BENCH_SYSTEM_H
#define BENCH_SYSTEM_H

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Read a line "name: 123 kB" from a file in /proc. Return the size in bytes. */
static inline double proc_bytes(const char *path, const char *name)
{
	size_t length = strlen(name);
	unsigned long kib = 0;
	char line[256];
	FILE *file = fopen(path, "r");
	int found = 0;

	if (!file)
		err(1, "%s", path);
	while (found != 1 && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, length) && line[length] == ':')
			found = sscanf(line + length + 1, "%lu", &kib);
	}
	fclose(file);
	if (found != 1)
		errx(1, "%s: no %s", path, name);
	return kib * 1024.0;
}

static inline double page_table_bytes(void)
{
	return proc_bytes("/proc/self/status", "VmPTE");
}

/* Count the VMAs of this process. */
static inline unsigned int count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned int nr = 0;
	int c;

	if (!file)
		err(1, "/proc/self/maps");
	while ((c = getc(file)) != EOF)
		nr += c == '\n';
	fclose(file);
	return nr;
}

#endif /* BENCH_SYSTEM_H */
