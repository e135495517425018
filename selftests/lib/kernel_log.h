/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of the kernel about the module.
 */
#ifndef SELFTESTS_LIB_KERNEL_LOG_H
#define SELFTESTS_LIB_KERNEL_LOG_H

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Returns a file with the messages of the kernel from now on, or -1. */
static inline int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * Reads the next message that names the module, for which 8 KiB are enough.
 * Returns false if there is none.
 */
static inline bool next_log_message(int fd, char *message, size_t size)
{
	ssize_t length;

	while ((length = read(fd, message, size - 1)) > 0) {
		message[length] = '\0';
		if (strstr(message, "slotpool"))
			return true;
	}
	return false;
}

#endif /* SELFTESTS_LIB_KERNEL_LOG_H */
