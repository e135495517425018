/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For all tests that use the module: load it, call it, look at its counters.
 */
#ifndef SELFTESTS_POOL_H
#define SELFTESTS_POOL_H

#include <errno.h>
#include <fcntl.h>
#include <linux/slotpool.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL_DEVICE "/dev/slotpool0"
#define POOL_MODULE "/slotpool.ko"
#define POOL_ATTRIBUTES "/sys/class/misc/slotpool0/"

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

/* Loads a module; returns 0 or -errno. */
static inline int module_load(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = -errno;
	close(fd);
	return err;
}

/* Unloads a module; returns 0 or -errno. */
static inline int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static inline int pool_load(const char *parameters)
{
	return module_load(POOL_MODULE, parameters);
}

static inline int pool_unload(void)
{
	return module_unload("slotpool");
}

static inline int pool_open(void)
{
	return open(POOL_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Calls a command; returns 0 or -errno. */
#define pool_call(fd, command, argument)						\
	({										\
		__auto_type _argument = argument;					\
		_argument->size = sizeof(*_argument);					\
		ioctl(fd, command, _argument) ? -errno : 0;				\
	})

/* Allocates a slot; returns it or -errno. */
static inline int pool_alloc(int fd, struct slotpool_alloc_args alloc)
{
	int err = pool_call(fd, SLOTPOOL_ALLOC, &alloc);

	return err ? err : (int)alloc.slot;
}

static inline int pool_alloc_any(int fd)
{
	return pool_alloc(fd, (struct slotpool_alloc_args){ .flags = 0 });
}

static inline int pool_alloc_key(int fd, uint64_t key)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_KEY, .key = key };

	return pool_alloc(fd, alloc);
}

static inline int pool_alloc_exact(int fd, uint32_t slot)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_EXACT, .slot = slot };

	return pool_alloc(fd, alloc);
}

static inline int pool_alloc_limit(int fd, uint64_t limit)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = limit };

	return pool_alloc(fd, alloc);
}

static inline int pool_alloc_image(int fd, uint32_t image)
{
	return pool_alloc(fd, (struct slotpool_alloc_args){ .flags = SLOTPOOL_ALLOC_IMAGE,
						       .image = image });
}

/* Makes an image; returns its handle or -errno. */
static inline int pool_image(int fd, struct slotpool_image_args image)
{
	int err = pool_call(fd, SLOTPOOL_IMAGE, &image);

	return err ? err : (int)image.image;
}

static inline int pool_image_of_memory(int fd, uint64_t length,
				       const struct slotpool_image_range *ranges,
				       uint32_t nr_ranges)
{
	return pool_image(fd, (struct slotpool_image_args){
				      .flags = SLOTPOOL_IMAGE_MEMORY,
				      .length = length,
				      .ranges = (uintptr_t)ranges,
				      .nr_ranges = nr_ranges,
			      });
}

static inline int pool_image_of_file(int fd, uint64_t length, int file)
{
	return pool_image(fd, (struct slotpool_image_args){
				      .flags = SLOTPOOL_IMAGE_FILE,
				      .length = length,
				      .fd = file,
				      .file_length = length,
			      });
}

static inline int pool_snapshot(int fd, uint32_t slot)
{
	return pool_image(fd, (struct slotpool_image_args){ .flags = SLOTPOOL_IMAGE_SLOT,
						       .slot = slot });
}

/* Returns a file descriptor or -errno. */
static inline int pool_export(int fd, uint32_t image)
{
	struct slotpool_export_args argument = { .image = image };
	int err = pool_call(fd, SLOTPOOL_EXPORT, &argument);

	return err ? err : argument.fd;
}

/* Returns a handle or -errno. */
static inline int pool_import(int fd, int file)
{
	struct slotpool_import_args argument = { .fd = file };
	int err = pool_call(fd, SLOTPOOL_IMPORT, &argument);

	return err ? err : (int)argument.image;
}

/* Returns slots purged or -errno. */
static inline int pool_release(int fd, uint32_t image)
{
	struct slotpool_release_args argument = { .image = image };
	int err = pool_call(fd, SLOTPOOL_RELEASE, &argument);

	return err ? err : (int)argument.purged;
}

/* Returns a memfd with some bytes, sealed if that is wanted, or -1. */
static inline int pool_memfd(const void *bytes, size_t length, bool sealed)
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

/* Returns bytes held or -errno. */
static inline int64_t pool_free_flags(int fd, uint32_t slot, uint32_t flags)
{
	struct slotpool_free_args argument = { .flags = flags, .slot = slot };
	int err = pool_call(fd, SLOTPOOL_FREE, &argument);

	return err ? err : (int64_t)argument.held;
}

static inline int64_t pool_free(int fd, uint32_t slot)
{
	return pool_free_flags(fd, slot, 0);
}

/* Returns bytes held or -errno. */
static inline int64_t pool_reset(int fd, uint32_t slot)
{
	struct slotpool_reset_args argument = { .slot = slot };
	int err = pool_call(fd, SLOTPOOL_RESET, &argument);

	return err ? err : (int64_t)argument.held;
}

/* Returns the old limit or -errno. */
static inline int64_t pool_resize(int fd, uint32_t slot, uint32_t flags, uint64_t limit)
{
	struct slotpool_resize_args argument = { .flags = flags, .slot = slot, .limit = limit };
	int err = pool_call(fd, SLOTPOOL_RESIZE, &argument);

	return err ? err : (int64_t)argument.old_limit;
}

/* Returns slots purged or -errno. */
static inline int pool_purge(int fd, uint32_t flags, uint64_t key, uint32_t slot)
{
	struct slotpool_purge_args argument = { .flags = flags, .key = key, .slot = slot };
	int err = pool_call(fd, SLOTPOOL_PURGE, &argument);

	return err ? err : (int)argument.purged;
}

static inline struct slotpool_info_args pool_info(int fd)
{
	struct slotpool_info_args info = { .flags = 0 };

	if (pool_call(fd, SLOTPOOL_INFO, &info))
		perror("SLOTPOOL_INFO");
	return info;
}

static inline struct slotpool_stat_args pool_stat(int fd)
{
	struct slotpool_stat_args stat = { .flags = 0 };

	if (pool_call(fd, SLOTPOOL_STAT, &stat))
		perror("SLOTPOOL_STAT");
	return stat;
}

/* The gauges are the pool's: any open file shows them. */
static inline struct slotpool_stat_args pool_gauges(void)
{
	int fd = pool_open();
	struct slotpool_stat_args stat = pool_stat(fd);

	close(fd);
	return stat;
}

/* Whether the pool holds nothing, as a new one does. */
static inline bool pool_is_idle(void)
{
	int fd = pool_open();
	struct slotpool_info_args info = pool_info(fd);
	struct slotpool_stat_args stat = pool_stat(fd);

	close(fd);
	return !stat.used_slots && !stat.warm_slots && stat.cold_slots == info.nr_slots &&
	       !stat.held_pages && !stat.committed_pages && !stat.lost_pages &&
	       !stat.images && !stat.image_pages && !stat.image_charged_pages &&
	       stat.reserve_free_pages == info.reserve_pages;
}

/* Maps a range of slots; returns MAP_FAILED on error. */
static inline char *pool_map(int fd, uint32_t first, uint32_t count)
{
	struct slotpool_info_args info = pool_info(fd);

	return mmap(NULL, count * info.slot_stride, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, (off_t)(first * info.slot_stride));
}

/* Writes N of the placement rule; returns 0 or -errno. */
static inline int pool_set_max_unused_warm_slots(unsigned long long value)
{
	int fd = open(POOL_ATTRIBUTES "max_unused_warm_slots", O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%llu\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Page faults of this process that needed no I/O */
static inline long pool_minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/*
 * How an access ends, tried out in a way that survives it: by system calls
 * that read from or write to the address. Returns true if it can be done.
 */
static inline bool pool_can_read(const void *address)
{
	int pipes[2];
	bool can;

	if (pipe(pipes))
		return false;
	can = write(pipes[1], address, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

static inline bool pool_can_write(void *address)
{
	int pipes[2];
	bool can;

	if (pipe(pipes))
		return false;
	can = write(pipes[1], "w", 1) == 1 && read(pipes[0], address, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

/* Whether all of a range reads as one byte value. */
static inline bool pool_all_bytes(const char *start, uint64_t length, char value)
{
	uint64_t i;

	for (i = 0; i < length; i++) {
		if (start[i] != value)
			return false;
	}
	return true;
}

/* Returns a file that yields what the kernel logs from now on, or -1. */
static inline int pool_log_open(void)
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
static inline bool pool_log_next(int fd, char *message, size_t size)
{
	ssize_t length;

	while ((length = read(fd, message, size - 1)) > 0) {
		message[length] = '\0';
		if (strstr(message, "slotpool"))
			return true;
	}
	return false;
}

#endif /* SELFTESTS_POOL_H */
