// SPDX-License-Identifier: GPL-2.0-only
/*
 * An operation in which any allocation or copy fails reports that, changes nothing, and
 * works the next time.
 *
 * Needs a kernel with /proc/thread-self/fail-nth, as that of make check-debug. Each
 * operation is repeated, while the kernel fails the first allocation or copy in it, then
 * the second, and so on, until there are no more.
 */
#include <stddef.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (16 * PAGE)
/* So that each slot has page tables of its own */
#define STRIDE (2L << 20)
#define NR_SLOTS 1000
#define NR_MAPPED 8
#define GEOMETRY "nr_slots=1000 nr_shards=1 slot_size=64K slot_stride=2M max_image_bytes=64K "
#define IMAGE_LENGTH (8 * PAGE)

#define FAIL_NTH "/proc/thread-self/fail-nth"
/* Whether failslab applies to this thread */
#define MAKE_IT_FAIL "/proc/thread-self/make-it-fail"
#define DEBUGFS "/sys/kernel/debug/"
#define CACHE_FILTER DEBUGFS "failslab/cache-filter"
/* In place of the number of the allocation that fails */
#define EACH_NODE 0

static struct {
	int fd;
	char *base;
	/* The result of an operation, for the function that undoes it */
	int got;
	char *got_at;
	/* Files with the image's contents */
	int file;
	int sealed;
	int image;
	int other_fd;
	/* The slot to which operations apply, and which was never used before */
	uint32_t slot;
} rig = { .fd = -1, .base = MAP_FAILED, .file = -1, .sealed = -1, .other_fd = -1 };

/* The contents of a new slot, with the image and without it */
static char image_contents[SLOT];
static char no_contents[SLOT];

/**
 * struct operation - something that has to cope with failures
 * @name: for messages
 * @prepare: sets up the state that the operation needs, or NULL
 * @run: runs the operation; negative errors are failures
 * @right: returns whether the contents are right, before and after @run; or NULL
 * @undo: restores the state before @prepare
 * @errors: the documented errors; none if it must not fail
 * @min_failures: the least number of failures that the sweep must see
 * @keeps: a failed run keeps the memory that it got, which the gauges show
 * @needs_node: fails without memory for a node of an xarray
 */
struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	bool (*right)(void);
	void (*undo)(void);
	int errors[4];
	unsigned int min_failures;
	bool keeps, needs_node;
};

static bool can_inject(void)
{
	static const struct {
		const char *path, *value;
	} settings[] = {
		{ DEBUGFS "failslab/ignore-gfp-wait", "0" },
		{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "0" },
		{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "0" },
		{ DEBUGFS "fail_page_alloc/min-order", "0" },
		/* Nobody needs a trace of each. */
		{ DEBUGFS "failslab/verbose", "0" },
		{ DEBUGFS "fail_page_alloc/verbose", "0" },
		{ DEBUGFS "fail_usercopy/verbose", "0" },
		/* For fail_nodes() */
		{ CACHE_FILTER, "N" },
		{ DEBUGFS "failslab/task-filter", "Y" },
		{ DEBUGFS "failslab/times", "-1" },
		{ DEBUGFS "failslab/probability", "100" },
	};
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		if (!put_text(settings[i].path, settings[i].value))
			return false;
	}
	return access(FAIL_NTH, W_OK) == 0 && access(MAKE_IT_FAIL, W_OK) == 0;
}

/*
 * Fails all allocations of this thread from the cache that slub_debug has marked. The
 * nth allocation, too, would only be one of these, so the filter is not there for long.
 */
static void fail_nodes(bool fail)
{
	if (fail && !put_text(CACHE_FILTER, "Y"))
		perror(CACHE_FILTER);
	if (!put_text(MAKE_IT_FAIL, fail ? "1" : "0"))
		perror(MAKE_IT_FAIL);
	if (!fail && !put_text(CACHE_FILTER, "N"))
		perror(CACHE_FILTER);
}

/* Has the kernel fail the nth allocation or copy of this thread from here on. */
static void arm(int file, unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	if (nth == EACH_NODE)
		fail_nodes(true);
	else if (pwrite(file, text, length, 0) != length)
		perror(FAIL_NTH);
}

/* Returns whether something has failed, or may have. */
static bool disarm(int file, unsigned int nth)
{
	char text[16] = "";
	bool failed;

	if (nth == EACH_NODE) {
		fail_nodes(false);
		return true;
	}
	/* If it is the next to fail, then it is this copy that does. */
	failed = pread(file, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
	/* This could fail, too, and then it is done. */
	if (pwrite(file, "0", 1, 0) != 1 && pwrite(file, "0", 1, 0) != 1)
		perror(FAIL_NTH);
	return failed;
}

static const struct {
	const char *name;
	size_t offset;
} gauge_names[] = {
#define GAUGE(_name) { #_name, offsetof(struct slotpool_stat_args, _name) }
	GAUGE(used_slots),
	GAUGE(warm_slots),
	GAUGE(cold_slots),
	GAUGE(held_pages),
	GAUGE(reserve_free_pages),
	GAUGE(committed_pages),
	GAUGE(lost_pages),
	GAUGE(client_pages),
	GAUGE(warm_pages),
	GAUGE(images),
	GAUGE(image_pages),
	GAUGE(image_charged_pages),
	GAUGE(client_images),
	GAUGE(client_image_pages),
#undef GAUGE
};

#define NR_GAUGES (sizeof(gauge_names) / sizeof(*gauge_names))

struct gauges {
	uint64_t values[NR_GAUGES];
	int next_fd;
};

/* Those of the pool are 0 if there is none. */
static struct gauges read_gauges(void)
{
	struct gauges gauges = { .next_fd = dup(STDOUT_FILENO) };
	int fd = rig.fd >= 0 ? rig.fd : open_pool();
	struct slotpool_stat_args stat;
	size_t i;

	close(gauges.next_fd);
	if (fd < 0)
		return gauges;
	stat = call_stat(fd);
	if (fd != rig.fd)
		close(fd);
	for (i = 0; i < NR_GAUGES; i++)
		memcpy(&gauges.values[i], (char *)&stat + gauge_names[i].offset,
		       sizeof(gauges.values[i]));
	return gauges;
}

static bool are_gauges(const struct gauges *before)
{
	struct gauges now = read_gauges();
	bool equal = before->next_fd == now.next_fd;
	size_t i;

	if (!equal)
		printf("# a file descriptor is left\n");
	for (i = 0; i < NR_GAUGES; i++) {
		if (before->values[i] == now.values[i])
			continue;
		printf("# %s: %lu before, %lu now\n", gauge_names[i].name, before->values[i],
		       now.values[i]);
		equal = false;
	}
	return equal;
}

static bool documented(const struct operation *operation, int err)
{
	size_t i;

	for (i = 0; i < sizeof(operation->errors) / sizeof(*operation->errors); i++) {
		if (operation->errors[i] && operation->errors[i] == -err)
			return true;
	}
	return false;
}

static bool complain(const struct operation *operation, unsigned int nth, const char *what)
{
	if (nth == EACH_NODE)
		printf("# %s, without nodes: %s\n", operation->name, what);
	else
		printf("# %s, failure %u: %s\n", operation->name, nth, what);
	return false;
}

/* Return whether a failed operation left nothing behind and works again. */
static bool recovers(const struct operation *operation, unsigned int nth, int err,
		     const struct gauges *before)
{
	if (!documented(operation, err)) {
		printf("# error %d\n", -err);
		return complain(operation, nth, "not an error that is documented");
	}
	if (!operation->keeps && !are_gauges(before))
		return complain(operation, nth, "has changed something");
	if (operation->right && !operation->right())
		return complain(operation, nth, "has changed contents");
	if (operation->run() < 0)
		return complain(operation, nth, "fails the next time, too");
	return true;
}

/**
 * struct attempt - the outcome of an operation with a failure in it
 * @right: everything is as it has to be
 * @injected: the kernel had something fail
 * @failed: so did the operation
 */
struct attempt {
	bool right, injected, failed;
};

static struct attempt attempt(const struct operation *operation, int file, unsigned int nth)
{
	struct attempt attempt = { .right = false };
	struct gauges first = read_gauges();
	struct gauges before;
	int result;

	if (operation->prepare)
		operation->prepare();
	before = read_gauges();
	arm(file, nth);
	result = operation->run();
	attempt.injected = disarm(file, nth);
	attempt.failed = result < 0;

	if (attempt.failed && !attempt.injected)
		complain(operation, nth, "fails by itself");
	else if (!attempt.failed || recovers(operation, nth, result, &before))
		attempt.right = !operation->right || operation->right() ||
				complain(operation, nth, "the contents are wrong");
	if (!attempt.right)
		return attempt;

	operation->undo();
	if (!are_gauges(&first))
		attempt.right = complain(operation, nth, "something is left");
	return attempt;
}

/* Returns whether everything was right, and in *@failures how often it failed. */
static bool sweep_once(const struct operation *operation, int file, unsigned int *failures)
{
	struct attempt this = { .injected = true };
	unsigned int nth;

	*failures = 0;
	for (nth = 1; this.injected; nth++) {
		this = attempt(operation, file, nth);
		if (!this.right)
			return false;
		*failures += this.failed;
	}
	printf("# %s: made %u of %u failures its own\n", operation->name, *failures, nth - 2);
	return true;
}

static bool sweep(const struct operation *operation)
{
	int file = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	unsigned int failures, tries = 0;
	struct attempt this;

	/*
	 * Now and then the kernel allocates something more, so that the nth allocation of
	 * one run is another one than that of the next, and is left out.
	 */
	do {
		if (!sweep_once(operation, file, &failures))
			return false;
	} while (failures < operation->min_failures && ++tries < 4);
	if (failures < operation->min_failures)
		return complain(operation, failures, "fewer than there are allocations");

	if (operation->needs_node) {
		this = attempt(operation, file, EACH_NODE);
		if (!this.right)
			return false;
		/* Or the kernel's command line has no slub_debug=A,radix_tree_node. */
		if (!this.failed)
			return complain(operation, EACH_NODE, "has not failed");
	}
	close(file);
	return true;
}

static int failure(bool succeeded)
{
	return succeeded ? 0 : -errno;
}

/*
 * Accesses by the kernel, which fail where those of user space are tried again:
 * one command reads an int, the other one writes it.
 */
static int kernel_read(const void *address)
{
	return failure(!ioctl(rig.sealed, FIONBIO, address));
}

static int kernel_write(void *address)
{
	return failure(!ioctl(rig.sealed, FIONREAD, address));
}

static char *slot_memory(void)
{
	return rig.base + (rig.slot % NR_MAPPED) * STRIDE;
}

static void map(void)
{
	rig.base = mmap(NULL, NR_MAPPED * STRIDE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, rig.fd,
			(rig.slot - rig.slot % NR_MAPPED) * STRIDE);
}

static void unmap(void)
{
	munmap(rig.base, NR_MAPPED * STRIDE);
	rig.base = MAP_FAILED;
}

/* The offset at which the kernel writes */
#define WRITTEN PAGE

static bool slot_is(const char *contents, bool written)
{
	const char *memory = slot_memory();
	long rest = WRITTEN + (written ? (long)sizeof(int) : 0);

	return !memcmp(memory, contents, WRITTEN) &&
	       !memcmp(memory + rest, contents + rest, SLOT - rest);
}

static bool slot_is_zeros(void)
{
	return slot_is(no_contents, false);
}

static bool slot_is_zeros_but_written(void)
{
	return slot_is(no_contents, true);
}

static bool slot_is_image(void)
{
	return slot_is(image_contents, false);
}

static bool slot_is_image_but_written(void)
{
	return slot_is(image_contents, true);
}

static int read_slot(void)
{
	return kernel_read(slot_memory());
}

static int write_slot(void)
{
	return kernel_write(slot_memory() + WRITTEN);
}

/* Accesses by user space start over until they succeed, or kill the test. */
static int live(void)
{
	volatile char *memory = slot_memory();
	long page;

	for (page = 0; page < 4; page++)
		(void)memory[page * PAGE];
	for (; page < 8; page++)
		memory[page * PAGE] = 'w';
	return 0;
}

static bool has_lived(const char *contents)
{
	char expected[SLOT];
	long page;

	memcpy(expected, contents, SLOT);
	for (page = 4; page < 8; page++)
		expected[page * PAGE] = 'w';
	return !memcmp(slot_memory(), expected, SLOT);
}

static bool has_lived_on_zeros(void)
{
	return has_lived(no_contents);
}

static bool has_lived_on_image(void)
{
	return has_lived(image_contents);
}

/* ---- slots ---- */

static int alloc_zeros(void)
{
	return call_alloc_exact(rig.fd, rig.slot);
}

static int alloc_image(void)
{
	return call_alloc(rig.fd, (struct slotpool_alloc_args){
					  .flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_IMAGE |
						   SLOTPOOL_ALLOC_LIMIT,
					  .slot = rig.slot,
					  .limit = SLOT,
					  .image = rig.image,
				  });
}

static int image_of_file(void)
{
	rig.image = call_image_file(rig.fd, IMAGE_LENGTH, rig.file);
	return rig.image;
}

static int image_of_sealed_file(void)
{
	rig.image = call_image_file(rig.fd, IMAGE_LENGTH, rig.sealed);
	return rig.image;
}

static int image_of_memory(void)
{
	struct slotpool_image_range ranges[] = {
		{ .length = PAGE, .address = (uintptr_t)image_contents },
		{
			.offset = PAGE,
			.length = IMAGE_LENGTH - PAGE,
			.address = (uintptr_t)image_contents + PAGE,
		},
	};

	rig.image = call_image_memory(rig.fd, IMAGE_LENGTH, ranges, 2);
	return rig.image;
}

static void prepare_image(void)
{
	image_of_file();
}

static void prepare_zeros(void)
{
	alloc_zeros();
	map();
}

static void prepare_image_slot(void)
{
	image_of_file();
	alloc_image();
	map();
}

static void prepare_sealed_slot(void)
{
	image_of_sealed_file();
	alloc_image();
	map();
}

static void prepare_read_zeros(void)
{
	prepare_zeros();
	access_read(slot_memory() + WRITTEN);
}

static void prepare_lived_zeros(void)
{
	prepare_zeros();
	live();
}

static void prepare_lived_image(void)
{
	prepare_image_slot();
	live();
}

static void prepare_lived_sealed(void)
{
	prepare_sealed_slot();
	live();
}

static void prepare_warm_image(void)
{
	prepare_lived_image();
	call_free(rig.fd, rig.slot);
}

/* An image whose instances' writes are known, in a slot that was never used. */
static void prepare_learnt_image(void)
{
	prepare_lived_image();
	call_free_flags(rig.fd, rig.slot, SLOTPOOL_FREE_DECOMMIT);
	unmap();
	rig.slot++;
	alloc_image();
	map();
}

/* A slot from which memory can be had is idle. */
static void prepare_idle_memory(void)
{
	prepare_lived_zeros();
	call_free(rig.fd, rig.slot);
	unmap();
	rig.slot++;
	prepare_zeros();
}

static void undo_image(void)
{
	call_release(rig.fd, rig.image);
}

/* The slot may be in use, warm or cold. */
static void undo_zeros(void)
{
	if (rig.base != MAP_FAILED)
		unmap();
	call_free_flags(rig.fd, rig.slot, SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED);
	call_purge(rig.fd, 0, 0, 0);
	rig.slot++;
}

static void undo_image_slot(void)
{
	undo_zeros();
	undo_image();
}

/* ---- commands on slots ---- */

static int reset(void)
{
	return (int)call_reset(rig.fd, rig.slot);
}

/* Often enough for one of them to sample the written pages. */
static int reset_often(void)
{
	int i, err = 0;

	for (i = 0; i < 130 && err >= 0; i++)
		err = reset();
	return err;
}

static int free_warm(void)
{
	return (int)call_free(rig.fd, rig.slot);
}

static int free_cold(void)
{
	return (int)call_free_flags(rig.fd, rig.slot, SLOTPOOL_FREE_DECOMMIT);
}

static int purge(void)
{
	return call_purge(rig.fd, SLOTPOOL_PURGE_SLOT, 0, rig.slot);
}

/* Back and forth, over pages that were written */
static int resize(void)
{
	int64_t err = call_resize(rig.fd, rig.slot, 0, 4 * PAGE);

	return err < 0 ? (int)err : (int)call_resize(rig.fd, rig.slot, 0, SLOT);
}

static int snapshot(void)
{
	rig.got = call_image_slot(rig.fd, rig.slot);
	return rig.got;
}

static void undo_snapshot(void)
{
	call_release(rig.fd, rig.got);
	undo_zeros();
}

static void undo_image_snapshot(void)
{
	call_release(rig.fd, rig.got);
	undo_image_slot();
}

/* ---- handles ---- */

static int export(void)
{
	rig.got = call_export(rig.fd, rig.image);
	return rig.got;
}

static void undo_export(void)
{
	close(rig.got);
	undo_image();
}

static void prepare_import(void)
{
	image_of_file();
	export();
	undo_image();
}

static int import(void)
{
	rig.image = call_import(rig.fd, rig.got);
	return rig.image;
}

static int release(void)
{
	return call_release(rig.fd, rig.image);
}

/* ---- another client ---- */

/* It has used the slot, for an image of its own. */
static void prepare_other_client(void)
{
	char secret[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)secret };
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_IMAGE,
		.slot = rig.slot,
	};
	char *base;

	memset(secret, 's', SLOT);
	rig.other_fd = open_pool();
	alloc.image = call_image_memory(rig.other_fd, SLOT, &range, 1);
	call_alloc(rig.other_fd, alloc);
	base = mmap(NULL, SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, rig.other_fd,
		    rig.slot * STRIDE);
	memset(base, 't', SLOT);
	munmap(base, SLOT);
	call_free(rig.other_fd, rig.slot);
	image_of_file();
	map();
}

static bool refused_or_image(void)
{
	return access_read(slot_memory()) || slot_is_image();
}

static int close_other_client(void)
{
	return failure(!close(rig.other_fd));
}

static void undo_other_client(void)
{
	undo_image_slot();
	close(rig.other_fd);
}

static int open_client(void)
{
	rig.got = open_pool();
	return failure(rig.got >= 0);
}

static void close_client(void)
{
	close(rig.got);
}

/* ---- mappings ---- */

static int map_both(void)
{
	map();
	return failure(rig.base != MAP_FAILED);
}

static int split_mapping(void)
{
	return failure(!munmap(rig.base + ((rig.slot + 3) % NR_MAPPED) * STRIDE, PAGE));
}

static int move_mapping(void)
{
	size_t length = NR_MAPPED * STRIDE;
	char *from = rig.base;
	char *to = mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, rig.got_at);

	if (to == MAP_FAILED)
		return -errno;
	rig.base = to;
	rig.got_at = from;
	return 0;
}

/* The kernel leaves the old mapping where it can't take it away. */
static void undo_move(void)
{
	munmap(rig.got_at, NR_MAPPED * STRIDE);
	undo_zeros();
}

static void prepare_move(void)
{
	prepare_lived_zeros();
	/* A place that is free */
	rig.got_at = mmap(NULL, NR_MAPPED * STRIDE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	munmap(rig.got_at, NR_MAPPED * STRIDE);
}

/* ---- debuggers ---- */

static int debugger(bool write)
{
	char text[sizeof(int)] = "dbg";
	int file = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	off_t address = (uintptr_t)slot_memory() + WRITTEN;
	int err;

	if (file < 0)
		return -errno;
	err = failure((write ? pwrite(file, text, sizeof(text), address) :
			       pread(file, text, sizeof(text), address)) == sizeof(text));
	close(file);
	return err;
}

static int debugger_reads(void)
{
	return debugger(false);
}

static int debugger_writes(void)
{
	return debugger(true);
}

/* ---- commands that only read ---- */

static int tell_info(void)
{
	struct slotpool_info_args info = { .flags = 0 };

	return call_command(rig.fd, SLOTPOOL_INFO, &info);
}

static int tell_stat(void)
{
	struct slotpool_stat_args stat = { .flags = 0 };

	return call_command(rig.fd, SLOTPOOL_STAT, &stat);
}

static int tell_list(void)
{
	struct slotpool_list_entry entry = { .slot = 0 };
	struct slotpool_list_args list = { .entries = (uintptr_t)&entry, .nr_entries = 1 };
	int err = call_command(rig.fd, SLOTPOOL_LIST, &list);

	if (err)
		return err;
	return list.nr_entries == 1 && entry.slot == rig.slot ? 0 : -ENODATA;
}

/* ---- the module ---- */

static int load(void)
{
	return load_pool(GEOMETRY "reserve_pages=2");
}

static void prepare_load(void)
{
	load();
}

static int unload(void)
{
	return unload_pool();
}

static void undo_load(void)
{
	unload();
}

static void nothing(void)
{
}

FIXTURE(module)
{
};

FIXTURE_SETUP(module)
{
	if (!can_inject())
		SKIP(_exit(255), "this kernel can't have allocations fail one at a time");
	unload_pool();
}

FIXTURE_TEARDOWN(module)
{
}

TEST_F_TIMEOUT(module, is_loaded_or_nothing_is_left_of_it, 900)
{
	ASSERT_TRUE(sweep(&(struct operation){
		.name = "load",
		.run = load,
		.undo = undo_load,
		.errors = { ENOMEM, EFAULT },
		.min_failures = 50,
	}));
}

TEST_F(module, is_unloaded_or_goes_on)
{
	ASSERT_TRUE(sweep(&(struct operation){
		.name = "unload",
		.prepare = prepare_load,
		.run = unload,
		.undo = nothing,
		/* Of the kernel's own, which reads the name. */
		.errors = { ENOMEM, EFAULT },
		.min_failures = 1,
	}));
}

FIXTURE(after_a_failure)
{
};

FIXTURE_VARIANT(after_a_failure)
{
	const char *parameters;
};

FIXTURE_VARIANT_ADD(after_a_failure, with_a_reserve)
{
	.parameters = GEOMETRY "reserve_pages=64",
};

FIXTURE_VARIANT_ADD(after_a_failure, without_a_reserve)
{
	.parameters = GEOMETRY "reserve_pages=0",
};

FIXTURE_VARIANT_ADD(after_a_failure, strict_and_committing)
{
	.parameters = GEOMETRY "reserve_pages=64 overcommit=0 strict=1",
};

FIXTURE_SETUP(after_a_failure)
{
	if (!can_inject())
		SKIP(_exit(255), "this kernel can't have allocations fail one at a time");
	unload_pool();
	ASSERT_EQ(0, load_pool(variant->parameters));
	rig.fd = open_pool();
	ASSERT_GE(rig.fd, 0);
	memset(image_contents, 'a', PAGE);
	memset(image_contents + PAGE, 'b', PAGE);
	memset(image_contents + 5 * PAGE, 'c', PAGE);
	rig.file = make_memfd(image_contents, IMAGE_LENGTH, false);
	rig.sealed = make_memfd(image_contents, IMAGE_LENGTH, true);
	ASSERT_GE(rig.file, 0);
	ASSERT_GE(rig.sealed, 0);
}

FIXTURE_TEARDOWN(after_a_failure)
{
	EXPECT_EQ(0, close(rig.fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* A test of one operation on a pool */
#define TEST_SWEEP(_name, ...)                                             \
	static const struct operation _name##_operation = {                 \
		.name = #_name,                                              \
		__VA_ARGS__                                                  \
	};                                                                   \
	TEST_F(after_a_failure, _name)                                       \
	{                                                                    \
		ASSERT_TRUE(sweep(&_name##_operation));                      \
	}

TEST_SWEEP(open, .run = open_client, .undo = close_client,
	   .errors = { ENOMEM, ENFILE, EFAULT }, .min_failures = 3)
TEST_SWEEP(mmap, .prepare = prepare_image, .run = map_both, .undo = undo_image_slot,
	   .errors = { ENOMEM }, .min_failures = 1)
TEST_SWEEP(splitting_a_mapping, .prepare = prepare_lived_zeros, .run = split_mapping,
	   .right = has_lived_on_zeros, .undo = undo_zeros, .errors = { ENOMEM },
	   .min_failures = 1)
TEST_SWEEP(moving_a_mapping, .prepare = prepare_move, .run = move_mapping,
	   .right = has_lived_on_zeros, .undo = undo_move, .errors = { ENOMEM },
	   .min_failures = 1)

TEST_SWEEP(first_read, .prepare = prepare_zeros, .run = read_slot, .right = slot_is_zeros,
	   .undo = undo_zeros, .errors = { EFAULT }, .min_failures = 1)
TEST_SWEEP(first_write, .prepare = prepare_zeros, .run = write_slot,
	   .right = slot_is_zeros_but_written, .undo = undo_zeros, .errors = { EFAULT },
	   .min_failures = 1, .keeps = true, .needs_node = true)
TEST_SWEEP(write_after_read, .prepare = prepare_read_zeros, .run = write_slot,
	   .right = slot_is_zeros_but_written, .undo = undo_zeros, .errors = { EFAULT },
	   .needs_node = true)
TEST_SWEEP(first_read_of_an_image, .prepare = prepare_sealed_slot, .run = read_slot,
	   .right = slot_is_image, .undo = undo_image_slot, .errors = { EFAULT },
	   .min_failures = 1, .keeps = true)
TEST_SWEEP(first_write_to_an_image, .prepare = prepare_sealed_slot, .run = write_slot,
	   .right = slot_is_image_but_written, .undo = undo_image_slot, .errors = { EFAULT },
	   .min_failures = 1, .keeps = true, .needs_node = true)
TEST_SWEEP(pages_set_up_in_advance, .prepare = prepare_learnt_image, .run = write_slot,
	   .right = slot_is_image_but_written, .undo = undo_image_slot, .errors = { EFAULT },
	   .min_failures = 1, .keeps = true, .needs_node = true)
TEST_SWEEP(first_write_while_memory_is_idle, .prepare = prepare_idle_memory, .run = write_slot,
	   .right = slot_is_zeros_but_written, .undo = undo_zeros, .errors = { EFAULT },
	   .min_failures = 1, .keeps = true, .needs_node = true)
TEST_SWEEP(an_instance_never_fails, .prepare = prepare_zeros, .run = live,
	   .right = has_lived_on_zeros, .undo = undo_zeros)
TEST_SWEEP(an_instance_of_an_image_never_fails, .prepare = prepare_sealed_slot, .run = live,
	   .right = has_lived_on_image, .undo = undo_image_slot)
TEST_SWEEP(an_instance_that_was_learnt_never_fails, .prepare = prepare_learnt_image,
	   .run = live, .right = has_lived_on_image, .undo = undo_image_slot)
TEST_SWEEP(a_debugger_reads, .prepare = prepare_sealed_slot, .run = debugger_reads,
	   .right = slot_is_image, .undo = undo_image_slot, .errors = { ENOMEM, EFAULT, EIO },
	   .min_failures = 1, .keeps = true, .needs_node = true)
TEST_SWEEP(a_debugger_writes, .prepare = prepare_sealed_slot, .run = debugger_writes,
	   .right = slot_is_image_but_written, .undo = undo_image_slot,
	   .errors = { ENOMEM, EFAULT, EIO }, .min_failures = 1, .keeps = true, .needs_node = true)

TEST_SWEEP(alloc, .run = alloc_zeros, .undo = undo_zeros, .errors = { ENOMEM },
	   .min_failures = 1)
TEST_SWEEP(alloc_of_an_image, .prepare = prepare_image, .run = alloc_image,
	   .undo = undo_image_slot, .errors = { ENOMEM }, .min_failures = 1)
TEST_SWEEP(change_of_client, .prepare = prepare_other_client, .run = alloc_image,
	   .right = refused_or_image, .undo = undo_other_client)
TEST_SWEEP(close, .prepare = prepare_other_client, .run = close_other_client,
	   .undo = undo_image_slot)
TEST_SWEEP(reset, .prepare = prepare_lived_image, .run = reset,
	   .right = slot_is_image, .undo = undo_image_slot)
TEST_SWEEP(reset_that_takes_a_sample, .prepare = prepare_lived_image, .run = reset_often,
	   .right = slot_is_image, .undo = undo_image_slot)
TEST_SWEEP(free, .prepare = prepare_lived_image, .run = free_warm, .undo = undo_image_slot)
TEST_SWEEP(free_and_decommit, .prepare = prepare_lived_image, .run = free_cold,
	   .undo = undo_image_slot)
TEST_SWEEP(purge, .prepare = prepare_warm_image, .run = purge, .undo = undo_image_slot)
TEST_SWEEP(resize, .prepare = prepare_lived_image, .run = resize,
	   .right = slot_is_image, .undo = undo_image_slot)

TEST_SWEEP(image_of_memory, .run = image_of_memory, .undo = undo_image,
	   .errors = { ENOMEM, EFAULT }, .min_failures = 5, .needs_node = true)
TEST_SWEEP(image_of_a_file, .run = image_of_file, .undo = undo_image, .errors = { ENOMEM },
	   .min_failures = 4, .needs_node = true)
TEST_SWEEP(image_of_a_sealed_file, .run = image_of_sealed_file, .undo = undo_image,
	   .errors = { ENOMEM }, .min_failures = 2, .needs_node = true)
TEST_SWEEP(snapshot, .prepare = prepare_lived_zeros, .run = snapshot,
	   .right = has_lived_on_zeros, .undo = undo_snapshot, .errors = { ENOMEM },
	   .min_failures = 5, .needs_node = true)
TEST_SWEEP(snapshot_of_an_image, .prepare = prepare_lived_image, .run = snapshot,
	   .right = has_lived_on_image, .undo = undo_image_snapshot, .errors = { ENOMEM },
	   .min_failures = 5, .needs_node = true)
TEST_SWEEP(snapshot_of_a_sealed_file, .prepare = prepare_lived_sealed, .run = snapshot,
	   .right = has_lived_on_image, .undo = undo_image_snapshot, .errors = { ENOMEM },
	   .min_failures = 5, .needs_node = true)
TEST_SWEEP(export, .prepare = prepare_image, .run = export, .undo = undo_export,
	   .errors = { ENOMEM, ENFILE, EMFILE }, .min_failures = 1)
TEST_SWEEP(import, .prepare = prepare_import, .run = import, .undo = undo_export,
	   .errors = { ENOMEM }, .min_failures = 1, .needs_node = true)
TEST_SWEEP(release, .prepare = prepare_warm_image, .run = release, .undo = undo_zeros)
TEST_SWEEP(info, .run = tell_info, .undo = nothing)
TEST_SWEEP(stat, .run = tell_stat, .undo = nothing)
TEST_SWEEP(list, .prepare = prepare_zeros, .run = tell_list, .undo = undo_zeros,
	   .errors = { EFAULT }, .min_failures = 1)

TEST_HARNESS_MAIN
