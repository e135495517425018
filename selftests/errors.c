// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input: each has its error, changes nothing, and leaves no trace in the
 * kernel's log.
 */
#include "lib/abi_layout.h"
#include "lib/argument.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/kernel_log.h"

#include <stddef.h>
#include <sys/statvfs.h>

#define SLOT_SIZE (64 * PAGE)
#define SLOT_STRIDE (128 * PAGE)
#define GEOMETRY "nr_slots=8 nr_shards=1 slot_size=256K slot_stride=512K "
/* Accessible pages of the slots that every test starts with */
#define LIMIT_PAGES 4

/* The slots at the start of every test; all others are cold. */
enum slot {
	COLD,
	OWNED,
	WARM,
	FOREIGN,
	FOREIGN_WARM,
	NR_SLOTS = 8,
};

#define WARM_KEY 7

/* The first client's only image, the pool's first */
#define IMAGE 1

/* All that the module tells of a pool and two clients */
struct snapshot {
	struct slotpool_info_args info;
	struct slotpool_stat_args stat[2];
	struct slotpool_list_entry owned[2][NR_SLOTS];
	uint64_t commands[2];
};

struct scene {
	int fds[2];
	int log;
	struct snapshot before;
};

static int call(int fd, unsigned int command, const void *argument)
{
	return ioctl(fd, command, argument) ? -errno : 0;
}

static void take_snapshot(const struct scene *scene, struct snapshot *snapshot)
{
	int i;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->info = call_info(scene->fds[0]);
	for (i = 0; i < 2; i++) {
		struct slotpool_list_args list = {
			.entries = (uintptr_t)snapshot->owned[i],
			.nr_entries = NR_SLOTS,
		};
		struct slotpool_seal_args seal = { .commands = ~0ULL };

		snapshot->stat[i] = call_stat(scene->fds[i]);
		if (call_command(scene->fds[i], SLOTPOOL_LIST, &list))
			perror("SLOTPOOL_LIST");
		if (call_command(scene->fds[i], SLOTPOOL_SEAL, &seal))
			perror("SLOTPOOL_SEAL");
		snapshot->commands[i] = seal.commands;
	}
}

static bool nothing_changed(const struct scene *scene)
{
	struct snapshot now;

	take_snapshot(scene, &now);
	return !memcmp(&now, &scene->before, sizeof(now));
}

/* From now on nothing may change. */
static void remember(struct scene *scene)
{
	take_snapshot(scene, &scene->before);
}

/* Returns the result of a call, or something unexpected if it had an effect. */
static int without_effect(const struct scene *scene, int result)
{
	return nothing_changed(scene) ? result : INT32_MAX;
}

#define ASSERT_REFUSED(error, what, result)				\
	do {								\
		int _result = without_effect(&self->scene, result);	\
									\
		ASSERT_EQ(-(error), _result) {				\
			TH_LOG("%s", what);				\
		}							\
	} while (0)

static void begin(struct __test_metadata *_metadata, struct scene *scene, const char *parameters)
{
	static const uint32_t used[] = { OWNED, FOREIGN };
	static const uint32_t warm[] = { WARM, FOREIGN_WARM };
	int i;

	/* A test that failed can have kept it busy. */
	unload_pool();
	ASSERT_EQ(0, load_pool(parameters));
	for (i = 0; i < 2; i++) {
		struct slotpool_alloc_args alloc = {
			.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_KEY,
			.limit = LIMIT_PAGES * PAGE,
			.key = WARM_KEY,
		};
		char *map;

		scene->fds[i] = open_pool();
		ASSERT_GE(scene->fds[i], 0);
		alloc.slot = used[i];
		ASSERT_EQ(used[i], call_alloc(scene->fds[i], alloc));
		alloc.slot = warm[i];
		ASSERT_EQ(warm[i], call_alloc(scene->fds[i], alloc));

		map = map_slots(scene->fds[i], 0, NR_SLOTS);
		ASSERT_NE(MAP_FAILED, map);
		map[used[i] * SLOT_STRIDE] = 'u';
		map[warm[i] * SLOT_STRIDE] = 'w';
		ASSERT_EQ(PAGE, call_free(scene->fds[i], warm[i]));
		ASSERT_EQ(0, munmap(map, NR_SLOTS * SLOT_STRIDE));
	}
	ASSERT_EQ(IMAGE, call_image_memory(scene->fds[0], PAGE, NULL, 0));
	scene->log = open_log();
	ASSERT_GE(scene->log, 0);
	remember(scene);
}

static void end(struct __test_metadata *_metadata, struct scene *scene)
{
	char message[8192];

	EXPECT_TRUE(nothing_changed(scene));
	EXPECT_FALSE(next_log_message(scene->log, message, sizeof(message))) {
		TH_LOG("logged: %s", message);
	}
	EXPECT_EQ(0, close(scene->log));
	EXPECT_EQ(0, close(scene->fds[0]));
	EXPECT_EQ(0, close(scene->fds[1]));
	EXPECT_EQ(0, unload_pool());
}

/* Runs a command in another process; returns 0 or -errno. */
static int call_in_child(int fd, unsigned int command, const void *argument)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(-call(fd, command, argument));
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* ---- errors that all commands share ---- */

struct range {
	size_t start;
	size_t end;
};

FIXTURE(every_command)
{
	struct scene scene;
};

FIXTURE_VARIANT(every_command)
{
	unsigned int command;
	uint32_t known_flags;
	bool changes;
	struct range reserved;
	struct range output;
	/* Succeeds, and changes something if the command does */
	union argument argument;
};

FIXTURE_VARIANT_ADD(every_command, info)
{
	.command = SLOTPOOL_INFO,
	.reserved = {
		offsetof(struct slotpool_info_args, __reserved),
		offsetof(struct slotpool_info_args, max_unused_warm_bytes),
	},
	.output = {
		offsetof(struct slotpool_info_args, features),
		offsetof(struct slotpool_info_args, __reserved),
	},
	.argument.info = { .size = sizeof(struct slotpool_info_args) },
};

FIXTURE_VARIANT_ADD(every_command, alloc)
{
	.command = SLOTPOOL_ALLOC,
	.known_flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT |
		       SLOTPOOL_ALLOC_COMMIT | SLOTPOOL_ALLOC_KEEP | SLOTPOOL_ALLOC_IMAGE,
	.changes = true,
	.output = {
		offsetof(struct slotpool_alloc_args, slot),
		offsetof(struct slotpool_alloc_args, image),
	},
	.argument.alloc = { .size = sizeof(struct slotpool_alloc_args) },
};

FIXTURE_VARIANT_ADD(every_command, reset)
{
	.command = SLOTPOOL_RESET,
	.changes = true,
	.reserved = {
		offsetof(struct slotpool_reset_args, __reserved),
		offsetof(struct slotpool_reset_args, held),
	},
	.output = { offsetof(struct slotpool_reset_args, held),
		    sizeof(struct slotpool_reset_args) },
	.argument.reset = { .size = sizeof(struct slotpool_reset_args), .slot = OWNED },
};

FIXTURE_VARIANT_ADD(every_command, free)
{
	.command = SLOTPOOL_FREE,
	.known_flags = SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED,
	.changes = true,
	.reserved = {
		offsetof(struct slotpool_free_args, __reserved),
		offsetof(struct slotpool_free_args, held),
	},
	.output = { offsetof(struct slotpool_free_args, held), sizeof(struct slotpool_free_args) },
	.argument.free = { .size = sizeof(struct slotpool_free_args), .slot = OWNED },
};

FIXTURE_VARIANT_ADD(every_command, resize)
{
	.command = SLOTPOOL_RESIZE,
	.known_flags = SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT,
	.changes = true,
	.reserved = {
		offsetof(struct slotpool_resize_args, __reserved),
		offsetof(struct slotpool_resize_args, limit),
	},
	.output = { offsetof(struct slotpool_resize_args, old_limit),
		    sizeof(struct slotpool_resize_args) },
	.argument.resize = {
		.size = sizeof(struct slotpool_resize_args),
		.slot = OWNED,
		.limit = PAGE,
	},
};

FIXTURE_VARIANT_ADD(every_command, purge)
{
	.command = SLOTPOOL_PURGE,
	.known_flags = SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT | SLOTPOOL_PURGE_IMAGE,
	.changes = true,
	.reserved = {
		offsetof(struct slotpool_purge_args, __reserved),
		sizeof(struct slotpool_purge_args),
	},
	.output = {
		offsetof(struct slotpool_purge_args, purged),
		offsetof(struct slotpool_purge_args, image),
	},
	.argument.purge = { .size = sizeof(struct slotpool_purge_args) },
};

FIXTURE_VARIANT_ADD(every_command, list)
{
	.command = SLOTPOOL_LIST,
	.argument.list = { .size = sizeof(struct slotpool_list_args) },
};

FIXTURE_VARIANT_ADD(every_command, stat)
{
	.command = SLOTPOOL_STAT,
	.output = { offsetof(struct slotpool_stat_args, used_slots),
		    sizeof(struct slotpool_stat_args) },
	.argument.stat = { .size = sizeof(struct slotpool_stat_args) },
};

FIXTURE_VARIANT_ADD(every_command, image)
{
	.command = SLOTPOOL_IMAGE,
	.known_flags = SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_FILE | SLOTPOOL_IMAGE_SLOT,
	.changes = true,
	.output = { offsetof(struct slotpool_image_args, image),
		    sizeof(struct slotpool_image_args) },
	.argument.image = {
		.size = sizeof(struct slotpool_image_args),
		.flags = SLOTPOOL_IMAGE_MEMORY,
		.length = PAGE,
	},
};

FIXTURE_VARIANT_ADD(every_command, release)
{
	.command = SLOTPOOL_RELEASE,
	.changes = true,
	.output = { offsetof(struct slotpool_release_args, purged),
		    sizeof(struct slotpool_release_args) },
	/* begin() made it, as the pool's first. */
	.argument.release = { .size = sizeof(struct slotpool_release_args), .image = IMAGE },
};

FIXTURE_VARIANT_ADD(every_command, seal)
{
	.command = SLOTPOOL_SEAL,
	.known_flags = SLOTPOOL_SEAL_MMAP,
	.changes = true,
	.output = { offsetof(struct slotpool_seal_args, commands),
		    sizeof(struct slotpool_seal_args) },
	.argument.seal = {
		.size = sizeof(struct slotpool_seal_args),
		.commands = ~SLOTPOOL_SEAL_KEEP(SLOTPOOL_EXPORT),
	},
};

FIXTURE_SETUP(every_command)
{
	begin(_metadata, &self->scene, GEOMETRY "reserve_pages=32");
}

FIXTURE_TEARDOWN(every_command)
{
	end(_metadata, &self->scene);
}

TEST_F(every_command, refuses_a_size_below_that_of_its_structure)
{
	union argument argument = variant->argument;
	uint32_t size;

	for (size = 0; size < variant->argument.header.size; size++) {
		argument.header.size = size;
		ASSERT_REFUSED(EINVAL, "size", call(self->scene.fds[0], variant->command,
						    &argument));
	}
}

TEST_F(every_command, refuses_a_larger_structure_with_something_in_its_tail)
{
	uint32_t known_size = variant->argument.header.size;
	uint32_t byte;

	for (byte = known_size; byte < known_size + 16; byte++) {
		union argument argument = variant->argument;

		argument.header.size = known_size + 16;
		argument.bytes[byte] = 1;
		ASSERT_REFUSED(E2BIG, "tail", call(self->scene.fds[0], variant->command,
						   &argument));
	}
}

TEST_F(every_command, accepts_a_larger_structure_with_nothing_in_its_tail)
{
	union argument argument = variant->argument;

	argument.header.size = sizeof(argument);
	ASSERT_EQ(0, call(self->scene.fds[0], variant->command, &argument));
	ASSERT_EQ(sizeof(argument), argument.header.size);
	ASSERT_EQ(variant->changes, !nothing_changed(&self->scene));
	remember(&self->scene);
}

TEST_F(every_command, refuses_a_size_above_a_page)
{
	static const uint32_t sizes[] = { PAGE + 1, 1U << 20, INT32_MAX, 1U << 31, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		union argument argument = variant->argument;

		argument.header.size = sizes[i];
		ASSERT_REFUSED(E2BIG, "size", call(self->scene.fds[0], variant->command,
						   &argument));
	}
}

TEST_F(every_command, refuses_each_unknown_flag)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		union argument argument = variant->argument;

		if (variant->known_flags & 1U << bit)
			continue;
		argument.header.flags = 1U << bit;
		ASSERT_REFUSED(EINVAL, "flag", call(self->scene.fds[0], variant->command,
						    &argument));
	}
}

TEST_F(every_command, refuses_something_in_reserved_fields)
{
	size_t byte;

	for (byte = variant->reserved.start; byte < variant->reserved.end; byte++) {
		union argument argument = variant->argument;

		argument.bytes[byte] = 0x80;
		ASSERT_REFUSED(EINVAL, "reserved", call(self->scene.fds[0], variant->command,
							&argument));
	}
}

TEST_F(every_command, does_not_care_what_output_fields_hold)
{
	union argument argument = variant->argument;
	const struct range *output = &variant->output;
	size_t word;

	memset(argument.bytes + output->start, 0xff, output->end - output->start);
	ASSERT_EQ(0, call(self->scene.fds[0], variant->command, &argument));
	for (word = output->start / 4; word < output->end / 4; word++)
		EXPECT_NE(UINT32_MAX, argument.words[word]);
	remember(&self->scene);
}

TEST_F(every_command, refuses_pointers_to_nothing)
{
	char *unmapped = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *last;

	ASSERT_NE(MAP_FAILED, unmapped);
	last = unmapped + PAGE - variant->argument.header.size;
	memcpy(last, &variant->argument, variant->argument.header.size);
	*(uint32_t *)last += 8;
	ASSERT_EQ(0, mprotect(unmapped + PAGE, PAGE, PROT_NONE));
	ASSERT_REFUSED(EFAULT, "tail without memory",
		       call(self->scene.fds[0], variant->command, last));
	ASSERT_EQ(0, munmap(unmapped, 2 * PAGE));

	ASSERT_REFUSED(EFAULT, "NULL", call(self->scene.fds[0], variant->command, NULL));
	ASSERT_REFUSED(EFAULT, "unmapped", call(self->scene.fds[0], variant->command, unmapped));
	ASSERT_REFUSED(EFAULT, "last byte",
		       call(self->scene.fds[0], variant->command, (void *)UINTPTR_MAX));
	ASSERT_REFUSED(EFAULT, "kernel memory",
		       call(self->scene.fds[0], variant->command, (void *)0xffff888000000000));
}

/*
 * The result is written when all is done: that it can't be written must be
 * found out before, wherever the border between two pages is.
 */
TEST_F(every_command, refuses_memory_that_is_not_readable_and_writable)
{
	static const int protections[][2] = {
		{ PROT_READ, PROT_READ },
		{ PROT_READ, PROT_READ | PROT_WRITE },
		{ PROT_READ | PROT_WRITE, PROT_READ },
		{ PROT_NONE, PROT_READ | PROT_WRITE },
		{ PROT_READ | PROT_WRITE, PROT_NONE },
	};
	union argument larger = variant->argument;
	const union argument *arguments[] = { &variant->argument, &larger };
	uint32_t size = variant->argument.header.size;
	size_t i, j;
	char *pages;

	larger.header.size += sizeof(uint64_t);
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);

	for (i = 0; i < ARRAY_SIZE(protections) * ARRAY_SIZE(arguments); i++) {
		const int *protection = protections[i / ARRAY_SIZE(arguments)];
		const union argument *source = arguments[i % ARRAY_SIZE(arguments)];

		for (j = 1; j < size; j++) {
			char *argument = pages + PAGE - j;

			ASSERT_EQ(0, mprotect(pages, 2 * PAGE, PROT_READ | PROT_WRITE));
			memcpy(argument, source, source->header.size);
			ASSERT_EQ(0, mprotect(pages, PAGE, protection[0]));
			ASSERT_EQ(0, mprotect(pages + PAGE, PAGE, protection[1]));
			ASSERT_EQ(-EFAULT, call(self->scene.fds[0], variant->command, argument)) {
				TH_LOG("protections %zu, %zu bytes in the first page", i, j);
			}
			ASSERT_TRUE(nothing_changed(&self->scene));
			ASSERT_EQ(0, mprotect(pages, 2 * PAGE, PROT_READ));
			ASSERT_EQ(0, memcmp(argument, source, source->header.size));
		}
	}
	ASSERT_EQ(0, munmap(pages, 2 * PAGE));
}

/* The results would be written to memory that the command took away or made new. */
TEST_F(every_command, refuses_an_argument_in_slots_if_it_changes_something)
{
	size_t size = variant->argument.header.size;
	int error = variant->changes ? EFAULT : 0;
	char *window, *slot, *argument;
	size_t before;

	/* A page, the slot's first page, and a page */
	window = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, window);
	slot = mmap(window + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    self->scene.fds[0], OWNED * SLOT_STRIDE);
	ASSERT_EQ(window + PAGE, slot);
	slot[0] = 'x';
	remember(&self->scene);

	/* The last 4 bytes of the structure and more are in the slot, then all of it. */
	for (before = 4; before <= PAGE; before += before < size ? 4 : PAGE / 4) {
		argument = slot - size + before;
		memcpy(argument, &variant->argument, size);
		ASSERT_REFUSED(error, "first bytes",
			       call(self->scene.fds[0], variant->command, argument));
	}
	argument = slot + PAGE - 4;
	memcpy(argument, &variant->argument, size);
	ASSERT_REFUSED(error, "last bytes", call(self->scene.fds[0], variant->command, argument));

	/* The mapping moves. */
	slot = mremap(slot, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, window + 2 * PAGE);
	ASSERT_EQ(window + 2 * PAGE, slot);
	memcpy(slot, &variant->argument, size);
	ASSERT_REFUSED(error, "moved", call(self->scene.fds[0], variant->command, slot));

	/* Other memory takes its place. */
	ASSERT_EQ(slot, mmap(slot, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memcpy(slot, &variant->argument, size);
	ASSERT_EQ(0, call(self->scene.fds[0], variant->command, slot));
	remember(&self->scene);
	ASSERT_EQ(0, munmap(window + 2 * PAGE, PAGE));
	ASSERT_EQ(0, munmap(window, PAGE));
}

TEST_F(every_command, refuses_another_process_if_it_changes_something)
{
	ASSERT_REFUSED(variant->changes ? EPERM : 0, "call in a child",
		       call_in_child(self->scene.fds[0], variant->command, &variant->argument));
}

TEST_F(every_command, refuses_other_files)
{
	int pipes[2];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int path = open(POOL_DEVICE, O_PATH | O_CLOEXEC);

	ASSERT_GE(null, 0);
	ASSERT_GE(path, 0);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_REFUSED(ENOTTY, "/dev/null", call(null, variant->command, &variant->argument));
	ASSERT_REFUSED(ENOTTY, "pipe", call(pipes[0], variant->command, &variant->argument));
	ASSERT_REFUSED(EBADF, "O_PATH", call(path, variant->command, &variant->argument));
	close(null);
	close(path);
	close(pipes[0]);
	close(pipes[1]);
	ASSERT_REFUSED(EBADF, "closed", call(null, variant->command, &variant->argument));
}

/* ---- errors of single commands ---- */

FIXTURE(errors)
{
	struct scene scene;
	int fd;
};

FIXTURE_SETUP(errors)
{
	begin(_metadata, &self->scene, GEOMETRY "reserve_pages=32");
	self->fd = self->scene.fds[0];
}

FIXTURE_TEARDOWN(errors)
{
	end(_metadata, &self->scene);
}

TEST_F(errors, commands_that_do_not_exist_are_refused)
{
	union argument argument = { .header.size = sizeof(struct slotpool_stat_args) };
	unsigned int nr;

	for (nr = _IOC_NR(SLOTPOOL_SEAL) + 1; nr < 256; nr++)
		ASSERT_REFUSED(ENOTTY, "number",
			       call(self->fd, _IO(SLOTPOOL_IOC_MAGIC, nr), &argument));
	for (nr = 0; nr <= _IOC_NR(SLOTPOOL_SEAL); nr++) {
		ASSERT_REFUSED(ENOTTY, "magic",
			       call(self->fd, _IO(SLOTPOOL_IOC_MAGIC - 1, nr), &argument));
		ASSERT_REFUSED(ENOTTY, "magic",
			       call(self->fd, _IO(SLOTPOOL_IOC_MAGIC + 1, nr), &argument));
		ASSERT_REFUSED(ENOTTY, "read",
			       call(self->fd, _IOR(SLOTPOOL_IOC_MAGIC, nr, __u64), &argument));
		ASSERT_REFUSED(ENOTTY, "write",
			       call(self->fd, _IOW(SLOTPOOL_IOC_MAGIC, nr, __u64), &argument));
		ASSERT_REFUSED(ENOTTY, "argument",
			       call(self->fd, _IOC(_IOC_NONE, SLOTPOOL_IOC_MAGIC, nr, 8),
				    &argument));
	}
}

TEST_F(errors, fields_without_their_flag_are_refused)
{
	struct slotpool_alloc_args allocs[] = {
		{ .key = 1 },
		{ .limit = PAGE },
		{ .commit = PAGE },
		{ .keep = PAGE },
		{ .flags = SLOTPOOL_ALLOC_KEY, .limit = PAGE },
		{ .flags = SLOTPOOL_ALLOC_LIMIT, .limit = PAGE, .key = 1 },
	};
	struct slotpool_resize_args resize = { .slot = OWNED, .limit = PAGE, .commit = PAGE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allocs); i++)
		ASSERT_REFUSED(EINVAL, "ALLOC", call_alloc(self->fd, allocs[i]));
	ASSERT_REFUSED(EINVAL, "RESIZE", call_command(self->fd, SLOTPOOL_RESIZE, &resize));
	ASSERT_REFUSED(EINVAL, "PURGE key", call_purge(self->fd, 0, WARM_KEY, 0));
	ASSERT_REFUSED(EINVAL, "PURGE slot", call_purge(self->fd, 0, 0, WARM));
	ASSERT_REFUSED(EINVAL, "PURGE slot and key",
		       call_purge(self->fd, SLOTPOOL_PURGE_SLOT, WARM_KEY, WARM));
	ASSERT_REFUSED(EINVAL, "PURGE key and slot",
		       call_purge(self->fd, SLOTPOOL_PURGE_KEY, WARM_KEY, WARM));
}

TEST_F(errors, purge_by_key_and_by_slot_at_once_is_refused)
{
	ASSERT_REFUSED(EINVAL, "both flags",
		       call_purge(self->fd, SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT, 0, 0));
	ASSERT_REFUSED(EINVAL, "both flags and fields",
		       call_purge(self->fd, SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT, WARM_KEY,
				  WARM));
}

TEST_F(errors, slots_out_of_range_are_refused)
{
	static const uint32_t slots[] = { NR_SLOTS, NR_SLOTS + 1, INT32_MAX, 1U << 31, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		uint32_t slot = slots[i];

		ASSERT_REFUSED(EINVAL, "ALLOC", call_alloc_exact(self->fd, slot));
		ASSERT_REFUSED(EINVAL, "RESET", call_reset(self->fd, slot));
		ASSERT_REFUSED(EINVAL, "FREE", call_free(self->fd, slot));
		ASSERT_REFUSED(EINVAL, "FREE if owned",
			       call_free_flags(self->fd, slot, SLOTPOOL_FREE_IF_OWNED));
		ASSERT_REFUSED(EINVAL, "RESIZE", call_resize(self->fd, slot, 0, PAGE));
		ASSERT_REFUSED(EINVAL, "PURGE",
			       call_purge(self->fd, SLOTPOOL_PURGE_SLOT, 0, slot));
	}
}

TEST_F(errors, slots_that_the_client_does_not_own_are_refused)
{
	static const uint32_t slots[] = { COLD, WARM, FOREIGN, FOREIGN_WARM, NR_SLOTS - 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		uint32_t slot = slots[i];

		ASSERT_REFUSED(ENOENT, "RESET", call_reset(self->fd, slot));
		ASSERT_REFUSED(ENOENT, "FREE", call_free(self->fd, slot));
		ASSERT_REFUSED(ENOENT, "FREE and decommit",
			       call_free_flags(self->fd, slot, SLOTPOOL_FREE_DECOMMIT));
		ASSERT_REFUSED(ENOENT, "RESIZE", call_resize(self->fd, slot, 0, PAGE));
		ASSERT_REFUSED(ENOENT, "RESIZE if it grows",
			       call_resize(self->fd, slot, SLOTPOOL_RESIZE_GROW_ONLY, 0));
	}
}

TEST_F(errors, free_if_owned_leaves_slots_of_others_alone)
{
	static const uint32_t slots[] = { COLD, WARM, FOREIGN, FOREIGN_WARM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		ASSERT_REFUSED(0, "FREE",
			       call_free_flags(self->fd, slots[i], SLOTPOOL_FREE_IF_OWNED));
		ASSERT_REFUSED(0, "FREE and decommit",
			       call_free_flags(self->fd, slots[i],
					       SLOTPOOL_FREE_IF_OWNED | SLOTPOOL_FREE_DECOMMIT));
	}
}

TEST_F(errors, a_slot_cannot_be_freed_twice)
{
	ASSERT_EQ(PAGE, call_free(self->fd, OWNED));
	remember(&self->scene);
	ASSERT_REFUSED(ENOENT, "FREE", call_free(self->fd, OWNED));
	ASSERT_REFUSED(ENOENT, "FREE and decommit",
		       call_free_flags(self->fd, OWNED, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_REFUSED(0, "FREE if owned",
		       call_free_flags(self->fd, OWNED, SLOTPOOL_FREE_IF_OWNED));
	ASSERT_REFUSED(ENOENT, "RESET", call_reset(self->fd, OWNED));
}

TEST_F(errors, purge_of_a_slot_that_is_not_the_clients_idle_one_is_refused)
{
	static const uint32_t slots[] = { COLD, OWNED, FOREIGN, FOREIGN_WARM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slots); i++)
		ASSERT_REFUSED(ENOENT, "PURGE",
			       call_purge(self->fd, SLOTPOOL_PURGE_SLOT, 0, slots[i]));
	ASSERT_REFUSED(0, "PURGE of an unknown key",
		       call_purge(self->fd, SLOTPOOL_PURGE_KEY, WARM_KEY + 1, 0));
}

TEST_F(errors, a_used_slot_cannot_be_allocated)
{
	ASSERT_REFUSED(EBUSY, "own", call_alloc_exact(self->fd, OWNED));
	ASSERT_REFUSED(EBUSY, "somebody else's", call_alloc_exact(self->fd, FOREIGN));
}

TEST_F(errors, no_slot_is_allocated_when_all_are_used)
{
	int i;

	for (i = 0; i < NR_SLOTS - 2; i++)
		ASSERT_GE(call_alloc_any(self->fd), 0);
	remember(&self->scene);
	ASSERT_REFUSED(ENOSPC, "any", call_alloc_any(self->fd));
	ASSERT_REFUSED(ENOSPC, "by key", call_alloc_key(self->fd, WARM_KEY));
}

TEST_F(errors, limits_that_cannot_be_are_refused)
{
	static const uint64_t limits[] = {
		1, PAGE - 1, PAGE + 1, SLOT_SIZE - 1, SLOT_SIZE + 1, SLOT_SIZE + PAGE, SLOT_STRIDE,
		1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX - PAGE + 1, UINT64_MAX,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		ASSERT_REFUSED(EINVAL, "ALLOC", call_alloc_limit(self->fd, limits[i]));
		ASSERT_REFUSED(EINVAL, "RESIZE", call_resize(self->fd, OWNED, 0, limits[i]));
		ASSERT_REFUSED(EINVAL, "RESIZE if it grows",
			       call_resize(self->fd, OWNED, SLOTPOOL_RESIZE_GROW_ONLY, limits[i]));
	}
}

TEST_F(errors, bytes_to_keep_must_be_a_multiple_of_the_page_size)
{
	static const uint64_t keeps[] = { 1, PAGE - 1, PAGE + 1, UINT64_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keeps); i++)
		ASSERT_REFUSED(EINVAL, "ALLOC",
			       call_alloc(self->fd, (struct slotpool_alloc_args){
							    .flags = SLOTPOOL_ALLOC_KEEP,
							    .keep = keeps[i] }));
}

TEST_F(errors, a_pool_that_overcommits_commits_to_nothing)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_COMMIT, .commit = PAGE };
	struct slotpool_resize_args resize = {
		.flags = SLOTPOOL_RESIZE_COMMIT,
		.slot = OWNED,
		.limit = LIMIT_PAGES * PAGE,
		.commit = PAGE,
	};

	ASSERT_REFUSED(EOPNOTSUPP, "ALLOC", call_alloc(self->fd, alloc));
	ASSERT_REFUSED(EOPNOTSUPP, "RESIZE", call_command(self->fd, SLOTPOOL_RESIZE, &resize));
}

TEST_F(errors, a_list_that_cannot_be_written_is_refused)
{
	struct slotpool_list_args list = { .size = sizeof(list), .nr_entries = NR_SLOTS };
	const struct slotpool_list_args asked = list;
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_REFUSED(EFAULT, "NULL", call(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(0, memcmp(&asked, &list, sizeof(list)));

	list.entries = UINT64_MAX;
	ASSERT_REFUSED(EFAULT, "last byte", call(self->fd, SLOTPOOL_LIST, &list));
	list.entries = 0xffff888000000000;
	ASSERT_REFUSED(EFAULT, "kernel memory", call(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(0, mprotect(pages + PAGE, PAGE, PROT_READ));
	list.entries = (uintptr_t)pages + PAGE;
	ASSERT_REFUSED(EFAULT, "read-only", call(self->fd, SLOTPOOL_LIST, &list));
	list.entries = (uintptr_t)pages + PAGE - 1;
	ASSERT_REFUSED(EFAULT, "two pages", call(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(0, munmap(pages, 2 * PAGE));
	list.entries = (uintptr_t)pages;
	ASSERT_REFUSED(EFAULT, "unmapped", call(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(NR_SLOTS, list.nr_entries);
	ASSERT_EQ(0, list.first);
}

TEST_F(errors, a_list_from_beyond_the_pool_is_empty)
{
	struct slotpool_list_args list = { .first = UINT32_MAX, .nr_entries = UINT32_MAX };

	ASSERT_REFUSED(0, "LIST", call_command(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(0, list.nr_entries);
	ASSERT_EQ(NR_SLOTS, list.first);
}

TEST_F(errors, max_unused_warm_slots_must_be_a_number)
{
	static const struct {
		const char *text;
		int error;
	} values[] = {
		{ "\n", EINVAL },
		{ "junk\n", EINVAL },
		{ "-1\n", EINVAL },
		{ "1 2\n", EINVAL },
		{ " 1\n", EINVAL },
		{ "1K\n", EINVAL },
		{ "1.5\n", EINVAL },
		{ "0x\n", EINVAL },
		{ "18446744073709551616\n", ERANGE },
		{ "99999999999999999999999999\n", ERANGE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		int fd = open(POOL_ATTRIBUTES "max_unused_warm_slots", O_WRONLY | O_CLOEXEC);
		ssize_t written;

		ASSERT_GE(fd, 0);
		written = write(fd, values[i].text, strlen(values[i].text));
		ASSERT_REFUSED(values[i].error, values[i].text, written < 0 ? -errno : 0);
		close(fd);
	}
}

/* Returns 0 or -errno; doesn't leave a mapping behind. */
static int try_map(int fd, uint64_t offset, uint64_t length, int protection, int flags)
{
	void *map = mmap(NULL, length, protection, flags, fd, (off_t)offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, length);
	return 0;
}

TEST_F(errors, private_mappings_are_refused)
{
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protections); i++)
		ASSERT_REFUSED(EINVAL, "private",
			       try_map(self->fd, 0, SLOT_STRIDE, protections[i], MAP_PRIVATE));
}

TEST_F(errors, mappings_of_files_that_are_not_open_for_both_are_refused)
{
	static const int modes[] = { O_RDONLY, O_WRONLY };
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	size_t i, j;

	for (i = 0; i < 2; i++) {
		int fd = open(POOL_DEVICE, modes[i] | O_CLOEXEC);

		ASSERT_GE(fd, 0);
		for (j = 0; j < ARRAY_SIZE(protections); j++)
			ASSERT_REFUSED(EACCES, "map",
				       try_map(fd, 0, SLOT_STRIDE, protections[j], MAP_SHARED));
		close(fd);
	}
}

/* The core refuses to execute devices on file systems that forbid it. */
static int exec_error(void)
{
	struct statvfs statvfs_dev;

	if (!statvfs("/dev", &statvfs_dev) && statvfs_dev.f_flag & ST_NOEXEC)
		return EPERM;
	return EACCES;
}

TEST_F(errors, executable_mappings_are_refused)
{
	static const int protections[] = {
		PROT_EXEC, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protections); i++)
		ASSERT_REFUSED(exec_error(), "map",
			       try_map(self->fd, 0, SLOT_STRIDE, protections[i], MAP_SHARED));
}

TEST_F(errors, mappings_cannot_become_executable)
{
	char *map = map_slots(self->fd, 0, NR_SLOTS);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_REFUSED(EACCES, "whole",
		       mprotect(map, NR_SLOTS * SLOT_STRIDE, PROT_READ | PROT_EXEC) ? -errno : 0);
	ASSERT_REFUSED(EACCES, "a page", mprotect(map, PAGE, PROT_EXEC) ? -errno : 0);
	ASSERT_EQ(0, mprotect(map, PAGE, PROT_READ));
	ASSERT_REFUSED(EACCES, "a read-only page",
		       mprotect(map, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) ? -errno : 0);
	ASSERT_EQ(0, munmap(map, NR_SLOTS * SLOT_STRIDE));
}

TEST_F(errors, mappings_beyond_the_pool_are_refused)
{
	static const uint64_t end_of_pool = NR_SLOTS * SLOT_STRIDE;
	static const struct {
		const char *what;
		uint64_t offset;
		uint64_t length;
		int error;
	} maps[] = {
		{ "the last page", end_of_pool - PAGE, PAGE, 0 },
		{ "the next page", end_of_pool, PAGE, EINVAL },
		{ "partly beyond", end_of_pool - PAGE, 2 * PAGE, EINVAL },
		{ "longer than the pool", 0, end_of_pool + PAGE, EINVAL },
		{ "whole but for its start", PAGE, end_of_pool, EINVAL },
		{ "far beyond", 1ULL << 40, PAGE, EINVAL },
		{ "negative", 1ULL << 63, PAGE, EINVAL },
		{ "wraps around", -PAGE, 2 * PAGE, EOVERFLOW },
		{ "nothing", 0, 0, EINVAL },
		{ "offset within a page", 1, PAGE, EINVAL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(maps); i++)
		ASSERT_REFUSED(maps[i].error, maps[i].what,
			       try_map(self->fd, maps[i].offset, maps[i].length,
				       PROT_READ | PROT_WRITE, MAP_SHARED));
}

static int map_in_child(int fd)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(-try_map(fd, 0, SLOT_STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED));
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

TEST_F(errors, mappings_in_another_process_are_refused)
{
	ASSERT_REFUSED(EPERM, "map", map_in_child(self->fd));
}

TEST_F(errors, what_was_refused_does_not_bind_the_client)
{
	int fd = open_pool();

	ASSERT_GE(fd, 0);
	ASSERT_REFUSED(EINVAL, "private", try_map(fd, 0, PAGE, PROT_READ, MAP_PRIVATE));
	ASSERT_REFUSED(exec_error(), "executable", try_map(fd, 0, PAGE, PROT_EXEC, MAP_SHARED));
	ASSERT_REFUSED(EINVAL, "ALLOC", call_alloc_limit(fd, 1));
	ASSERT_REFUSED(EBUSY, "ALLOC of a used slot", call_alloc_exact(fd, FOREIGN));
	ASSERT_REFUSED(ENOENT, "FREE", call_free(fd, FOREIGN));
	ASSERT_REFUSED(0, "map in a child", map_in_child(fd));
	ASSERT_EQ(0, close(fd));
}

TEST_F(errors, a_closed_client_has_nothing)
{
	int fd = open_pool();
	int copy;

	ASSERT_GE(fd, 0);
	copy = dup(fd);
	ASSERT_GE(copy, 0);
	ASSERT_EQ(0, close(fd));
	ASSERT_REFUSED(EBADF, "closed", call_alloc_any(fd));
	ASSERT_REFUSED(EBADF, "map", try_map(fd, 0, PAGE, PROT_READ, MAP_SHARED));
	ASSERT_REFUSED(ENOENT, "still open", call_free(copy, OWNED));
	ASSERT_EQ(0, close(copy));
}

/* ---- errors of pools without overcommitment ---- */

#define RESERVE_PAGES 32
#define MAX_CLIENT_PAGES 24

FIXTURE(commitment)
{
	struct scene scene;
	int fd;
};

FIXTURE_VARIANT(commitment)
{
	const char *parameters;
	/* A commitment that can never be, and its error */
	uint64_t never_pages;
	int error;
	/* A commitment that is too large as long as others have theirs */
	uint64_t now_pages;
};

FIXTURE_VARIANT_ADD(commitment, beyond_the_reserve)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=32",
	.never_pages = RESERVE_PAGES + 1,
	.error = ENOMEM,
	.now_pages = RESERVE_PAGES - LIMIT_PAGES,
};

FIXTURE_VARIANT_ADD(commitment, beyond_the_quota)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=64 max_client_pages=24",
	.never_pages = MAX_CLIENT_PAGES + 1,
	.error = EDQUOT,
	.now_pages = MAX_CLIENT_PAGES - 1,
};

FIXTURE_SETUP(commitment)
{
	begin(_metadata, &self->scene, variant->parameters);
	self->fd = self->scene.fds[0];
}

FIXTURE_TEARDOWN(commitment)
{
	end(_metadata, &self->scene);
}

/* Allocates a slot with a commitment of its own; returns it or -errno. */
static int alloc_commit(int fd, uint64_t limit, uint64_t commit)
{
	return call_alloc(fd, (struct slotpool_alloc_args){
				      .flags = SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_COMMIT,
				      .limit = limit,
				      .commit = commit });
}

static int resize_commit(int fd, uint32_t slot, uint64_t limit, uint64_t commit)
{
	struct slotpool_resize_args resize = {
		.flags = SLOTPOOL_RESIZE_COMMIT,
		.slot = slot,
		.limit = limit,
		.commit = commit,
	};

	return call_command(fd, SLOTPOOL_RESIZE, &resize);
}

TEST_F(commitment, above_the_limit_or_no_multiple_of_the_page_size_is_refused)
{
	static const uint64_t commits[] = {
		1, PAGE - 1, PAGE + 1, 3 * PAGE, SLOT_SIZE, 1ULL << 63, UINT64_MAX - PAGE + 1,
		UINT64_MAX,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commits); i++) {
		ASSERT_REFUSED(EINVAL, "ALLOC", alloc_commit(self->fd, 2 * PAGE, commits[i]));
		ASSERT_REFUSED(EINVAL, "RESIZE",
			       resize_commit(self->fd, OWNED, 2 * PAGE, commits[i]));
	}
}

TEST_F(commitment, that_can_never_be_is_refused)
{
	uint64_t never = variant->never_pages * PAGE;

	ASSERT_REFUSED(variant->error, "ALLOC", alloc_commit(self->fd, SLOT_SIZE, never));
	ASSERT_REFUSED(variant->error, "ALLOC by limit", call_alloc_limit(self->fd, never));
	ASSERT_REFUSED(variant->error, "ALLOC by key",
		       call_alloc(self->fd, (struct slotpool_alloc_args){
						    .flags = SLOTPOOL_ALLOC_KEY |
							     SLOTPOOL_ALLOC_LIMIT,
						    .key = WARM_KEY,
						    .limit = never }));
	ASSERT_REFUSED(variant->error, "RESIZE",
		       resize_commit(self->fd, OWNED, SLOT_SIZE, never));
	ASSERT_REFUSED(variant->error, "RESIZE by limit",
		       call_resize(self->fd, OWNED, 0, never));
}

static void purge_all(struct __test_metadata *_metadata, struct scene *scene)
{
	ASSERT_EQ(1, call_purge(scene->fds[0], 0, 0, 0));
	ASSERT_EQ(1, call_purge(scene->fds[1], 0, 0, 0));
	remember(scene);
}

TEST_F(commitment, of_an_alloc_that_cannot_be_now_is_refused)
{
	purge_all(_metadata, &self->scene);
	ASSERT_REFUSED(variant->error, "ALLOC",
		       call_alloc_limit(self->fd, variant->now_pages * PAGE));
}

TEST_F(commitment, of_a_resize_that_cannot_be_now_is_refused)
{
	int slot;

	/* Half of it is there. */
	slot = call_alloc_limit(self->fd, variant->now_pages / 2 * PAGE);
	ASSERT_GE(slot, 0);
	purge_all(_metadata, &self->scene);
	ASSERT_REFUSED(variant->error, "RESIZE",
		       call_resize(self->fd, slot, 0, variant->now_pages * PAGE));
	ASSERT_REFUSED(variant->error, "RESIZE if it grows",
		       call_resize(self->fd, slot, SLOTPOOL_RESIZE_GROW_ONLY,
				   variant->now_pages * PAGE));
}

/* A client at its quota gives up its own idle slots in the attempt to find enough. */
TEST_F(commitment, that_cannot_be_now_costs_no_memory_of_others)
{
	struct snapshot *before = &self->scene.before;
	struct snapshot after;
	uint64_t idle;
	int i;

	ASSERT_EQ(-variant->error, call_alloc_limit(self->fd, variant->now_pages * PAGE));
	ASSERT_EQ(-variant->error,
		  call_resize(self->fd, OWNED, 0, (variant->now_pages + LIMIT_PAGES) * PAGE));

	take_snapshot(&self->scene, &after);
	idle = before->stat[0].warm_slots - after.stat[0].warm_slots;
	ASSERT_EQ(variant->error == EDQUOT ? 1 : 0, idle);
	before->stat[0].client_pages -= idle;
	for (i = 0; i < 2; i++) {
		before->stat[i].warm_slots -= idle;
		before->stat[i].warm_pages -= idle;
		before->stat[i].cold_slots += idle;
		before->stat[i].held_pages -= idle;
		before->stat[i].reserve_free_pages += idle;
		before->stat[i].evictions = after.stat[i].evictions;
	}
}

TEST_HARNESS_MAIN
