/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module and its device: load it, call its commands, look at its counters.
 */
#ifndef SELFTESTS_LIB_DEVICE_H
#define SELFTESTS_LIB_DEVICE_H

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
#include <sys/syscall.h>
#include <unistd.h>

#include "page.h"

#define POOL_DEVICE "/dev/slotpool0"
#define POOL_MODULE "/slotpool.ko"
#define POOL_ATTRIBUTES "/sys/class/misc/slotpool0/"

/* Loads a module; returns 0 or -errno. */
static inline int load_module(const char *path, const char *parameters)
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
static inline int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static inline int load_pool(const char *parameters)
{
	return load_module(POOL_MODULE, parameters);
}

static inline int unload_pool(void)
{
	return unload_module("slotpool");
}

static inline int open_pool(void)
{
	return open(POOL_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Calls a command; returns 0 or -errno. */
#define call_command(fd, command, argument)						\
	({										\
		__auto_type _argument = argument;					\
		_argument->size = sizeof(*_argument);					\
		ioctl(fd, command, _argument) ? -errno : 0;				\
	})

/* Allocates a slot; returns it or -errno. */
static inline int call_alloc(int fd, struct slotpool_alloc_args alloc)
{
	int err = call_command(fd, SLOTPOOL_ALLOC, &alloc);

	return err ? err : (int)alloc.slot;
}

static inline int call_alloc_any(int fd)
{
	return call_alloc(fd, (struct slotpool_alloc_args){ .flags = 0 });
}

static inline int call_alloc_key(int fd, uint64_t key)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_KEY, .key = key };

	return call_alloc(fd, alloc);
}

static inline int call_alloc_exact(int fd, uint32_t slot)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_EXACT, .slot = slot };

	return call_alloc(fd, alloc);
}

static inline int call_alloc_limit(int fd, uint64_t limit)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = limit };

	return call_alloc(fd, alloc);
}

static inline int call_alloc_image(int fd, uint32_t image)
{
	return call_alloc(fd, (struct slotpool_alloc_args){ .flags = SLOTPOOL_ALLOC_IMAGE,
						       .image = image });
}

/* Makes an image; returns its handle or -errno. */
static inline int call_image(int fd, struct slotpool_image_args image)
{
	int err = call_command(fd, SLOTPOOL_IMAGE, &image);

	return err ? err : (int)image.image;
}

static inline int call_image_memory(int fd, uint64_t length,
				    const struct slotpool_image_range *ranges,
				    uint32_t nr_ranges)
{
	return call_image(fd, (struct slotpool_image_args){
				      .flags = SLOTPOOL_IMAGE_MEMORY,
				      .length = length,
				      .ranges = (uintptr_t)ranges,
				      .nr_ranges = nr_ranges,
			      });
}

static inline int call_image_file(int fd, uint64_t length, int file)
{
	return call_image(fd, (struct slotpool_image_args){
				      .flags = SLOTPOOL_IMAGE_FILE,
				      .length = length,
				      .fd = file,
				      .file_length = length,
			      });
}

static inline int call_image_slot(int fd, uint32_t slot)
{
	return call_image(fd, (struct slotpool_image_args){ .flags = SLOTPOOL_IMAGE_SLOT,
						       .slot = slot });
}

/* Returns a file descriptor or -errno. */
static inline int call_export(int fd, uint32_t image)
{
	struct slotpool_export_args argument = { .image = image };
	int err = call_command(fd, SLOTPOOL_EXPORT, &argument);

	return err ? err : argument.fd;
}

/* Returns a handle or -errno. */
static inline int call_import(int fd, int file)
{
	struct slotpool_import_args argument = { .fd = file };
	int err = call_command(fd, SLOTPOOL_IMPORT, &argument);

	return err ? err : (int)argument.image;
}

/* Returns slots purged or -errno. */
static inline int call_release(int fd, uint32_t image)
{
	struct slotpool_release_args argument = { .image = image };
	int err = call_command(fd, SLOTPOOL_RELEASE, &argument);

	return err ? err : (int)argument.purged;
}

/* Returns bytes held or -errno. */
static inline int64_t call_free_flags(int fd, uint32_t slot, uint32_t flags)
{
	struct slotpool_free_args argument = { .flags = flags, .slot = slot };
	int err = call_command(fd, SLOTPOOL_FREE, &argument);

	return err ? err : (int64_t)argument.held;
}

static inline int64_t call_free(int fd, uint32_t slot)
{
	return call_free_flags(fd, slot, 0);
}

/* Returns bytes held or -errno. */
static inline int64_t call_reset(int fd, uint32_t slot)
{
	struct slotpool_reset_args argument = { .slot = slot };
	int err = call_command(fd, SLOTPOOL_RESET, &argument);

	return err ? err : (int64_t)argument.held;
}

/* Returns the old limit or -errno. */
static inline int64_t call_resize(int fd, uint32_t slot, uint32_t flags, uint64_t limit)
{
	struct slotpool_resize_args argument = { .flags = flags, .slot = slot, .limit = limit };
	int err = call_command(fd, SLOTPOOL_RESIZE, &argument);

	return err ? err : (int64_t)argument.old_limit;
}

/* Returns slots purged or -errno. */
static inline int call_purge(int fd, uint32_t flags, uint64_t key, uint32_t slot)
{
	struct slotpool_purge_args argument = { .flags = flags, .key = key, .slot = slot };
	int err = call_command(fd, SLOTPOOL_PURGE, &argument);

	return err ? err : (int)argument.purged;
}

static inline struct slotpool_info_args call_info(int fd)
{
	struct slotpool_info_args info = { .flags = 0 };

	if (call_command(fd, SLOTPOOL_INFO, &info))
		perror("SLOTPOOL_INFO");
	return info;
}

static inline struct slotpool_stat_args call_stat(int fd)
{
	struct slotpool_stat_args stat = { .flags = 0 };

	if (call_command(fd, SLOTPOOL_STAT, &stat))
		perror("SLOTPOOL_STAT");
	return stat;
}

/* The gauges are the pool's: any open file shows them. */
static inline struct slotpool_stat_args pool_gauges(void)
{
	int fd = open_pool();
	struct slotpool_stat_args stat = call_stat(fd);

	close(fd);
	return stat;
}

/* Returns whether the pool holds nothing, as a new one does. */
static inline bool pool_is_idle(void)
{
	int fd = open_pool();
	struct slotpool_info_args info = call_info(fd);
	struct slotpool_stat_args stat = call_stat(fd);

	close(fd);
	return !stat.used_slots && !stat.warm_slots && stat.cold_slots == info.nr_slots &&
	       !stat.held_pages && !stat.committed_pages && !stat.lost_pages &&
	       !stat.images && !stat.image_pages && !stat.image_charged_pages &&
	       stat.reserve_free_pages == info.reserve_pages;
}

/* Maps a range of slots; returns MAP_FAILED on error. */
static inline char *map_slots(int fd, uint32_t first, uint32_t count)
{
	struct slotpool_info_args info = call_info(fd);

	return mmap(NULL, count * info.slot_stride, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, (off_t)(first * info.slot_stride));
}

/* Writes N of the placement rule; returns 0 or -errno. */
static inline int set_max_unused_warm_slots(unsigned long long value)
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

#endif /* SELFTESTS_LIB_DEVICE_H */
