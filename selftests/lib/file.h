/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the system and in memory.
 */
#ifndef SELFTESTS_LIB_FILE_H
#define SELFTESTS_LIB_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Writes a text to a file; returns success. */
static inline bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* Finds the number in the line of a file that sscanf() takes, or -1. */
static inline long find_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	char line[128];
	long number = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, format, &number) == 1)
			break;
	}
	if (file)
		fclose(file);
	return number;
}

/* Returns a memfd with some bytes, sealed if that is wanted, or -1. */
static inline int make_memfd(const void *bytes, size_t length, bool sealed)
{
	int file = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (file < 0)
		return -1;
	if (write(file, bytes, length) == (ssize_t)length &&
	    (!sealed || !fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK)))
		return file;
	close(file);
	return -1;
}

#endif /* SELFTESTS_LIB_FILE_H */
