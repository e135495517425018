// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs random sequences of calls and accesses, and keeps those that reach new code
 * (KCOV).
 *
 * A sequence is a few bytes. Every value means something: it selects an operation, or
 * the mistake in one. A sequence is printed before it runs, so that the last one is known
 * when the kernel dies:
 *
 *	@seq <pool's parameters> <threads> <operations>
 *
 * A process of its own runs some hundreds of sequences on a pool, and the next one uses
 * a pool with other parameters. The fuzzer ends with status 1 when the kernel reports
 * something, a pool does not become idle again, a process is stuck, or a client sees
 * bytes of another one or memory that nobody may access any more.
 */
#include <linux/kcov.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>

#include "../lib/access.h"
#include "../lib/device.h"
#include "../lib/file.h"
#include "../lib/random.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_OPERATIONS 20
#define MAX_THREADS 3
#define MAX_CORPUS 4096
#define MAX_EXPORTS 16
#define SEQUENCES_PER_POOL 300
#define COVER_WORDS 65536
#define WINDOWS 4
#define WINDOW_BYTES (8UL << 20)
#define STUCK_SECONDS 240

/* ---- the interface ---- */

/* The meaning of a field. Those up to KIND_COUNT have 32 bits, others 64. */
enum kind {
	KIND_NONE,
	KIND_SLOT,
	KIND_IMAGE,
	KIND_FILE,
	KIND_EXPORT,
	KIND_ZERO,
	KIND_COUNT,
	KIND_KEY,
	KIND_PAGES,
	KIND_LENGTH,
	KIND_BUFFER,
	KIND_RANGES,
	KIND_COMMANDS,
};

/* Set if one of @flags is, or if there are none. */
struct field {
	unsigned char offset, kind;
	unsigned int flags;
};

struct command {
	unsigned int request, size, flags;
	bool one_flag;
	struct field fields[9];
};

/* Tables are easier to read as they are. */
/* clang-format off */
#define FIELD(_type, _name, ...) { offsetof(struct slotpool_##_type##_args, _name), __VA_ARGS__ }

static const struct command commands[] = {
	{ SLOTPOOL_INFO, sizeof(struct slotpool_info_args), 0, false,
	  { FIELD(info, __reserved, KIND_ZERO, 0) } },
	{ SLOTPOOL_ALLOC, sizeof(struct slotpool_alloc_args), 0x3f, false,
	  { FIELD(alloc, key, KIND_KEY, SLOTPOOL_ALLOC_KEY),
	    FIELD(alloc, limit, KIND_PAGES, SLOTPOOL_ALLOC_LIMIT),
	    FIELD(alloc, commit, KIND_PAGES, SLOTPOOL_ALLOC_COMMIT),
	    FIELD(alloc, keep, KIND_PAGES, SLOTPOOL_ALLOC_KEEP),
	    FIELD(alloc, slot, KIND_SLOT, SLOTPOOL_ALLOC_EXACT),
	    FIELD(alloc, image, KIND_IMAGE, SLOTPOOL_ALLOC_IMAGE) } },
	{ SLOTPOOL_RESET, sizeof(struct slotpool_reset_args), 0, false,
	  { FIELD(reset, slot, KIND_SLOT, 0), FIELD(reset, __reserved, KIND_ZERO, 0) } },
	{ SLOTPOOL_FREE, sizeof(struct slotpool_free_args), 0x3, false,
	  { FIELD(free, slot, KIND_SLOT, 0), FIELD(free, __reserved, KIND_ZERO, 0) } },
	{ SLOTPOOL_RESIZE, sizeof(struct slotpool_resize_args), 0x3, false,
	  { FIELD(resize, slot, KIND_SLOT, 0), FIELD(resize, limit, KIND_PAGES, 0),
	    FIELD(resize, commit, KIND_PAGES, SLOTPOOL_RESIZE_COMMIT),
	    FIELD(resize, __reserved, KIND_ZERO, 0) } },
	{ SLOTPOOL_PURGE, sizeof(struct slotpool_purge_args), 0x7, true,
	  { FIELD(purge, key, KIND_KEY, SLOTPOOL_PURGE_KEY),
	    FIELD(purge, slot, KIND_SLOT, SLOTPOOL_PURGE_SLOT),
	    FIELD(purge, image, KIND_IMAGE, SLOTPOOL_PURGE_IMAGE),
	    FIELD(purge, __reserved, KIND_ZERO, 0) } },
	{ SLOTPOOL_LIST, sizeof(struct slotpool_list_args), 0, false,
	  { FIELD(list, entries, KIND_BUFFER, 0), FIELD(list, nr_entries, KIND_COUNT, 0),
	    FIELD(list, first, KIND_SLOT, 0) } },
	{ SLOTPOOL_STAT, sizeof(struct slotpool_stat_args), 0, false, { { 0 } } },
	{ SLOTPOOL_IMAGE, sizeof(struct slotpool_image_args), 0x7, true,
	  { FIELD(image, length, KIND_LENGTH, SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_FILE),
	    FIELD(image, ranges, KIND_RANGES, SLOTPOOL_IMAGE_MEMORY),
	    FIELD(image, offset, KIND_PAGES, SLOTPOOL_IMAGE_FILE),
	    FIELD(image, file_offset, KIND_PAGES, SLOTPOOL_IMAGE_FILE),
	    FIELD(image, file_length, KIND_PAGES, SLOTPOOL_IMAGE_FILE),
	    FIELD(image, nr_ranges, KIND_COUNT, SLOTPOOL_IMAGE_MEMORY),
	    FIELD(image, fd, KIND_FILE, SLOTPOOL_IMAGE_FILE),
	    FIELD(image, slot, KIND_SLOT, SLOTPOOL_IMAGE_SLOT) } },
	{ SLOTPOOL_EXPORT, sizeof(struct slotpool_export_args), 0, false,
	  { FIELD(export, image, KIND_IMAGE, 0) } },
	{ SLOTPOOL_IMPORT, sizeof(struct slotpool_import_args), 0, false,
	  { FIELD(import, fd, KIND_EXPORT, 0) } },
	{ SLOTPOOL_RELEASE, sizeof(struct slotpool_release_args), 0, false,
	  { FIELD(release, image, KIND_IMAGE, 0) } },
	{ SLOTPOOL_SEAL, sizeof(struct slotpool_seal_args), 0x1, false,
	  { FIELD(seal, commands, KIND_COMMANDS, 0) } },
};

/* Digits of a pool's configuration choose; the last text of each is refused. */
static const struct parameter {
	const char *name;
	const char *values[5];
} parameters[] = {
	{ "nr_slots", { "4", "16", "1", "64", "0" } },
	{ "slot_size", { "64K", "32K", "256K", "4K", "1000" } },
	{ "slot_stride", { "512K", "256K", "0", "1M", "1" } },
	{ "nr_shards", { "0", "1", "2", "5", "4000000000" } },
	{ "reserve_pages", { "64", "8", "0", "1024", "-1" } },
	{ "overcommit", { "1", "0", "1", "0", "x" } },
	{ "keep_bytes", { "1M", "0", "8K", "32K", "1X" } },
	{ "max_unused_warm_slots", { "100", "0", "2", "1", "-1" } },
	{ "max_unused_warm_bytes", { "1G", "0", "16K", "64K", "99999999999999999999999T" } },
	{ "max_image_bytes", { "0", "8K", "16K", "1M", "-" } },
	{ "max_client_image_bytes", { "0", "16K", "32K", "1M", "" } },
	{ "max_pool_image_bytes", { "0", "32K", "64K", "1M", "1 K" } },
	{ "max_decay_samples", { "1000000", "0", "1", "1000", "-1" } },
	{ "strict", { "0", "1", "0", "1", "2" } },
	{ "max_client_pages", { "0", "4", "12", "64", "none" } },
};

/* clang-format on */

/* ---- sequences ---- */

enum action {
	/* After one for each command */
	ACTION_MMAP = ARRAY_SIZE(commands),
	ACTION_MUNMAP,
	ACTION_MPROTECT,
	ACTION_MREMAP,
	ACTION_MADVISE,
	ACTION_READ,
	ACTION_WRITE,
	ACTION_FILL,
	ACTION_FORK,
	ACTION_PROC_MEM,
	ACTION_PROCESS_VM,
	ACTION_PIPE,
	ACTION_SYSFS,
	ACTION_REOPEN,
	ACTION_FDINFO,
	ACTION_SHRINK,
	ACTION_CLOSE_EXPORT,
	ACTION_UNKNOWN,
	NR_ACTIONS,
};

struct operation {
	unsigned char action, where, quirk, flags, values[8];
};

struct sequence {
	uint64_t config;
	unsigned char nr_threads, nr_operations;
	struct operation operations[MAX_OPERATIONS];
};

struct thread {
	int index;
	/* Two pages, and nothing behind */
	char *scratch;
	uint64_t *cover;
	int fail_nth;
};

struct shared {
	uint64_t nr_runs, nr_pools, nr_failed_loads, nr_edges, nr_places;
	uint32_t nr_corpus;
	bool failed;
	unsigned char edges[65536], places[262144];
	struct sequence corpus[MAX_CORPUS];
};

static struct shared *shared;

static struct slotpool_info_args info;
static struct sequence current;
static struct thread threads[MAX_THREADS];
static pthread_barrier_t barrier;
static char *arena;
/* Two clients, another descriptor of each */
static int fds[4];
static int files[10];
static int exports[MAX_EXPORTS];
static uint32_t handles[2][8], slots[2][8];
static unsigned int nr_exports, nr_handles[2], nr_slots[2];
/* The clients may see each other's bytes; the slot reads as zeros. */
static bool images_shared, without_image[64];
/* A bit for each client that has written since ALLOC, RESET or FREE */
static unsigned char written[64];
static char *read_only;
static int log_fd;
static double end;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	shared->failed = true;
	printf("FAILED: %s\n", what);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static char *window(int client, int number)
{
	return arena + (client * WINDOWS + number % WINDOWS) * WINDOW_BYTES;
}

/* An address in a window is the same offset of the device, always. */
static char *place(int client, int number, uint32_t slot, int page)
{
	return window(client, number) + slot * info.slot_stride + page * PAGE;
}

static bool inside(uint32_t slot)
{
	return slot < info.nr_slots && (slot + 1) * info.slot_stride <= WINDOW_BYTES;
}

static int tag(int client)
{
	return 0xc0 + client;
}

static void check_foreign(int client, int byte)
{
	if (!images_shared && byte == tag(!client))
		fail("a client sees another one's bytes");
}

/* Some operations go on to the next page, which may be in the next slot. */
static void set_written(int client, uint32_t slot)
{
	written[slot % ARRAY_SIZE(written)] |= 1 << client;
	written[(slot + 1) % ARRAY_SIZE(written)] |= 1 << client;
}

static void check_zeros(int client, uint32_t slot)
{
	unsigned int page;

	if (!inside(slot))
		return;
	written[slot] = 0;
	if (current.nr_threads > 1 || !without_image[slot])
		return;
	for (page = 0; page < 8 && page < info.slot_size / PAGE; page++) {
		if (access_get(place(client, 0, slot, page)) > 0)
			fail("a slot is not zero after ALLOC, RESET or FREE");
	}
}

/* Outside a strict pool an instance may see what its client wrote to the free slot. */
static void check_allocated(int client, uint32_t slot)
{
	if (info.features & SLOTPOOL_FEATURE_STRICT || !inside(slot) ||
	    !(written[slot] & 1 << client))
		check_zeros(client, slot);
}

/*
 * A page from @first on must not be there in any of the client's windows, whose
 * mappings are never the other one's.
 */
static void check_unmapped(int client, uint32_t slot, unsigned int first)
{
	unsigned int number, page;

	if (current.nr_threads > 1 || !inside(slot))
		return;
	for (number = 0; number < WINDOWS; number++) {
		for (page = first; page < first + 8 && page < info.slot_stride / PAGE; page++) {
			if (access_get(place(client, number, slot, page)) >= 0) {
				fail("a page can be read that nobody may access");
				return;
			}
		}
	}
}

/* Nobody owns the slot, and none of its entries may have stayed. */
static void check_nobodys(uint32_t slot)
{
	check_unmapped(0, slot, 0);
	check_unmapped(1, slot, 0);
}

static void check_freed(int client, const struct slotpool_free_args *free)
{
	/* If it wasn't the client's, it may be another one's. */
	if (free->flags & SLOTPOOL_FREE_IF_OWNED)
		return;
	if (free->flags & SLOTPOOL_FREE_DECOMMIT || info.features & SLOTPOOL_FEATURE_STRICT)
		check_nobodys(free->slot);
	else
		check_zeros(client, free->slot);
}

static void *bad_pointer(struct thread *thread, unsigned int which, size_t size)
{
	switch (which % 8) {
	case 0:
		return NULL;
	case 1:
		return (void *)0xffff888000001000;
	case 2:
		return thread->scratch + 2 * PAGE - size / 2;
	case 3:
		return read_only;
	case 4:
		set_written(thread->index % 2, which / 8 % 4);
		return place(thread->index % 2, 0, which / 8 % 4, 0) + PAGE - 8;
	case 5:
		return (void *)~7UL;
	case 6:
		return arena + WINDOW_BYTES - 8;
	default:
		return thread->scratch + 3;
	}
}

static uint32_t pick_slot(int client, unsigned int value)
{
	if (nr_slots[client] && value % 4)
		return slots[client][value / 4 % (nr_slots[client] < 8 ? nr_slots[client] : 8)];
	return value / 4 % info.nr_slots;
}

/* For a byte in which every bit counts it is in the sequence. */
static uint64_t broken(unsigned int value, uint64_t sane)
{
	static const uint64_t odd[] = { ~0ULL, 1ULL << 63, 1ULL << 31, 1, PAGE - 1, 1ULL << 32 };

	switch (value % 8) {
	case 6:
		return sane + 1;
	case 7:
		return info.nr_slots + value / 8 % 2;
	default:
		return odd[value % 8];
	}
}

static uint64_t make_value(struct thread *thread, const struct operation *op,
			   const struct field *field, int client, unsigned int value)
{
	struct slotpool_image_range *ranges = (void *)(thread->scratch + PAGE);
	uint64_t sane = 0;
	unsigned int i;

	switch (field->kind) {
	case KIND_SLOT:
		sane = pick_slot(client, value);
		break;
	case KIND_KEY:
		sane = value % 4;
		break;
	case KIND_PAGES:
		sane = (value % 9) * PAGE;
		break;
	case KIND_LENGTH:
		sane = (1 + value % 16) * PAGE;
		break;
	case KIND_IMAGE:
		sane = nr_handles[client] ? handles[client][value % 8] : value % 4;
		break;
	case KIND_FILE:
		sane = value % 16 < 10 ? files[value % 16] : files[0];
		break;
	case KIND_EXPORT:
		sane = nr_exports ? exports[value % (nr_exports < MAX_EXPORTS ? nr_exports :
										MAX_EXPORTS)] :
				    -1;
		break;
	case KIND_COUNT:
		sane = value % 6;
		break;
	case KIND_COMMANDS:
		sane = ~(1ULL << value % 16);
		break;
	case KIND_BUFFER:
		sane = (uintptr_t)ranges;
		break;
	case KIND_RANGES:
		for (i = 0; i < 6; i++) {
			const unsigned char *values = &op->values[i];
			void *from = thread->scratch;

			if (values[2] % 8 == 0)
				from = bad_pointer(thread, values[2] / 8, 64);
			ranges[i].offset = i * PAGE + (values[0] % 5 ? 0 : values[0]);
			ranges[i].length = values[1] % 3 ? PAGE / (1 + values[0] % 3) : 0;
			ranges[i].address = (uintptr_t)from;
		}
		sane = (uintptr_t)ranges;
		break;
	}
	if (value < 0xf4)
		return sane;
	if (field->kind == KIND_BUFFER || field->kind == KIND_RANGES)
		return (uintptr_t)bad_pointer(thread, value, 64);
	return broken(value, sane);
}

static unsigned int make_flags(const struct command *command, unsigned int value)
{
	if (value >= 0xf4)
		return value << (value % 24);
	/* Most combinations are refused. */
	if (!command->one_flag)
		return value < 0x70 ? 0 : value & command->flags;
	return value % 4 < 3 ? 1U << value % 4 : 0;
}

static unsigned int make_size(const struct command *command, unsigned int quirk)
{
	static const unsigned int sizes[] = { 0, 7, 8, 4096, 4097, ~0U };

	switch (quirk % 8) {
	case 6:
		return command->size + 8;
	case 7:
		return command->size - 8;
	default:
		return sizes[quirk % 8];
	}
}

static void remember(const struct command *command, const void *argument, int client)
{
	const struct slotpool_alloc_args *alloc = argument;
	const struct slotpool_reset_args *reset = argument;
	const struct slotpool_resize_args *resize = argument;
	const struct slotpool_purge_args *purge = argument;

	switch (command->request) {
	case SLOTPOOL_ALLOC:
		slots[client][nr_slots[client]++ % 8] = alloc->slot;
		if (inside(alloc->slot))
			without_image[alloc->slot] = !(alloc->flags & SLOTPOOL_ALLOC_IMAGE);
		check_allocated(client, alloc->slot);
		check_unmapped(!client, alloc->slot, 0);
		if (alloc->flags & SLOTPOOL_ALLOC_LIMIT)
			check_unmapped(client, alloc->slot, alloc->limit / PAGE);
		break;
	case SLOTPOOL_RESET:
		check_zeros(client, reset->slot);
		break;
	case SLOTPOOL_FREE:
		check_freed(client, argument);
		break;
	case SLOTPOOL_RESIZE:
		if (!(resize->flags & SLOTPOOL_RESIZE_GROW_ONLY))
			check_unmapped(client, resize->slot, resize->limit / PAGE);
		break;
	case SLOTPOOL_PURGE:
		if (purge->flags & SLOTPOOL_PURGE_SLOT)
			check_nobodys(purge->slot);
		break;
	case SLOTPOOL_IMAGE:
		handles[client][nr_handles[client]++ % 8] =
			((const struct slotpool_image_args *)argument)->image;
		break;
	case SLOTPOOL_IMPORT:
		handles[client][nr_handles[client]++ % 8] =
			((const struct slotpool_import_args *)argument)->image;
		images_shared = true;
		break;
	case SLOTPOOL_EXPORT:
		/* Ones that don't fit any more stay open until the process ends. */
		exports[__atomic_fetch_add(&nr_exports, 1, __ATOMIC_RELAXED) % MAX_EXPORTS] =
			((const struct slotpool_export_args *)argument)->fd;
		break;
	}
}

/* One allocation of the next call, or one access of the kernel to user memory */
static void fail_allocation(struct thread *thread, const struct operation *op)
{
	char text[8];

	if (op->quirk < 0xc0 || op->quirk >= 0xe0)
		return;
	snprintf(text, sizeof(text), "%d", op->quirk - 0xbf);
	pwrite(thread->fail_nth, text, strlen(text), 0);
}

static void fail_no_allocation(struct thread *thread, const struct operation *op)
{
	if (op->quirk >= 0xc0 && op->quirk < 0xe0)
		pwrite(thread->fail_nth, "0", 1, 0);
}

static void run_command(struct thread *thread, const struct operation *op,
			const struct command *command)
{
	int client = op->where % 2;
	/* Next to a guard, so that one that reads or writes too far is found out */
	char *argument = thread->scratch + PAGE - command->size - 8;
	char *user = argument;
	const struct field *field;
	unsigned int i, flags = make_flags(command, op->flags);

	memset(thread->scratch, op->quirk == 0xff ? 0xff : 0, PAGE);
	memset(argument, 0, command->size);
	memcpy(argument, &command->size, 4);
	memcpy(argument + 4, &flags, 4);
	for (i = 0; i < ARRAY_SIZE(command->fields) && command->fields[i].kind; i++) {
		uint64_t value;

		field = &command->fields[i];
		if (field->flags && !(field->flags & flags) && op->values[i % 8] < 0xfc)
			continue;
		value = make_value(thread, op, field, client, op->values[i % 8]);
		memcpy(argument + field->offset, &value, field->kind <= KIND_COUNT ? 4 : 8);
	}
	if (op->quirk >= 0xf0) {
		unsigned int size = make_size(command, op->quirk);

		memcpy(argument, &size, 4);
	} else if (op->quirk >= 0xe0) {
		user = bad_pointer(thread, op->quirk + op->where, command->size);
	}
	fail_allocation(thread, op);
	i = ioctl(fds[op->where % 4], command->request, user);
	fail_no_allocation(thread, op);
	if (!i && user == argument)
		remember(command, argument, client);
}

/* ---- operations that are no commands ---- */

static void do_fork(const struct operation *op, int client, uint32_t slot)
{
	pid_t child = fork();

	if (!child) {
		access_put(place(client, op->flags, slot, 0), tag(client));
		call_alloc_any(fds[op->where % 4]);
		mmap(arena, info.slot_stride, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     fds[op->where % 4], 0);
		access_put(arena, tag(client));
		if (op->values[1] % 2)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void do_mmap(const struct operation *op, int client)
{
	static const int prots[] = { PROT_READ, PROT_WRITE, PROT_NONE, PROT_READ | PROT_EXEC };
	static const int flags[] = { MAP_PRIVATE, MAP_SHARED | MAP_POPULATE,
				     MAP_SHARED | MAP_LOCKED, MAP_SHARED_VALIDATE };
	uint64_t first = op->values[0] / 2 % info.nr_slots * info.slot_stride;
	uint64_t length = info.nr_slots * info.slot_stride - first;
	int prot = op->flags < 0xc0 ? PROT_READ | PROT_WRITE : prots[op->flags % 4];
	int kind = op->quirk < 0xc0 ? MAP_SHARED : flags[op->quirk % 4];

	if (op->values[1] % 2)
		length = (1 + op->values[1] / 2 % 4) * info.slot_stride;
	if (op->values[2] >= 0xf4) {
		/* Beyond the pool's end */
		first += info.nr_slots * info.slot_stride - PAGE;
		length = op->values[2] % 2 ? PAGE : 2 * PAGE;
	}
	if (first + length > WINDOW_BYTES)
		return;
	mmap(window(client, op->values[3]) + first, length, prot, kind | MAP_FIXED,
	     fds[op->where % 4], op->values[4] >= 0xf4 ? -(uint64_t)PAGE : first);
}

static void do_vma(const struct operation *op, int client, char *address)
{
	static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE,
				     PROT_READ | PROT_WRITE | PROT_EXEC };
	size_t length = (1 + op->flags % 32) * PAGE;
	/* Nothing that lies behind the window, not even where it grows by a page */
	size_t most = WINDOW_BYTES - (address - arena) % WINDOW_BYTES - PAGE;

	if (op->action == ACTION_MUNMAP && op->flags % 2)
		length = info.nr_slots * info.slot_stride;
	if (length > most)
		length = most;
	switch (op->action) {
	case ACTION_MUNMAP:
		munmap(address, length);
		break;
	case ACTION_MPROTECT:
		mprotect(address, length, prots[op->quirk % 4]);
		break;
	case ACTION_MADVISE:
		/* Those from 100 on take pages from the machine. */
		madvise(address, length, op->quirk % 32);
		break;
	case ACTION_MREMAP:
		if (op->quirk % 4 == 0)
			mremap(address, length, length + PAGE, 0);
		else if (op->quirk % 4 == 1)
			mremap(address, length, PAGE, 0);
		else
			mremap(address, op->quirk % 4 == 2 ? 0 : length, length,
			       MREMAP_MAYMOVE | MREMAP_FIXED,
			       window(client, op->values[5]) +
				       (address - arena) % WINDOW_BYTES);
		break;
	}
}

static void do_access(struct thread *thread, const struct operation *op, char *address)
{
	struct iovec local = { thread->scratch, 64 }, remote = { address, 64 };
	bool write_it = op->flags % 2;
	int pipes[2], memory;

	switch (op->action) {
	case ACTION_PROC_MEM:
		memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		if (write_it)
			pwrite(memory, thread->scratch, 64, (off_t)address + PAGE - 32);
		else
			pread(memory, thread->scratch, 64, (off_t)address + PAGE - 32);
		close(memory);
		break;
	case ACTION_PROCESS_VM:
		if (write_it)
			process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
		else
			process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		break;
	case ACTION_PIPE:
		if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
			break;
		if (op->flags % 4 == 3)
			vmsplice(pipes[1], &remote, 1, SPLICE_F_GIFT);
		else
			write(pipes[1], write_it ? thread->scratch : address, 8);
		/* An access of the kernel's: none that needs memory for a signal's frame */
		fail_allocation(thread, op);
		read(pipes[0], write_it ? address : thread->scratch, 8);
		fail_no_allocation(thread, op);
		close(pipes[0]);
		close(pipes[1]);
		break;
	}
}

static void do_reopen(const struct operation *op)
{
	int which = op->where % 4;
	int fd = which < 2 ? open(POOL_DEVICE, op->flags < 0xe0 ? O_RDWR | O_CLOEXEC : O_RDONLY) :
			     dup(fds[which - 2]);

	/* In one step: another thread finds a file at that number at any time. */
	if (fd >= 0) {
		dup3(fd, fds[which], O_CLOEXEC);
		close(fd);
	}
}

static void do_sysfs(const struct operation *op)
{
	static const char *const values[] = { "0\n", "1\n", "5\n", "100\n", "65536\n",
					      "18446744073709551615\n", "16384\n", "x\n" };

	put_text(op->flags % 2 ? POOL_ATTRIBUTES "max_unused_warm_slots" :
				 POOL_ATTRIBUTES "max_unused_warm_bytes",
		 values[op->values[0] % 8]);
}

static void do_fdinfo(const struct operation *op, struct thread *thread)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[op->where % 4]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	read(fd, thread->scratch, PAGE);
	close(fd);
}

static void run_operation(struct thread *thread, const struct operation *op)
{
	int client = op->where % 2;
	uint32_t slot = pick_slot(client, op->values[0]);
	/* Guards too, and memory above a limit */
	unsigned int page = op->values[1] % 40 < 32 ? op->values[1] % 8 : op->values[1];
	unsigned int i;
	char *address;

	if (!inside(slot))
		slot = 0;
	page %= info.slot_stride / PAGE;
	address = place(client, op->values[2] < 0xc0 ? 0 : op->values[2], slot, page);

	if (op->action < ARRAY_SIZE(commands)) {
		run_command(thread, op, &commands[op->action]);
		return;
	}
	if (op->action >= ACTION_WRITE && op->action <= ACTION_PIPE)
		set_written(client, slot);
	switch (op->action) {
	case ACTION_MMAP:
		do_mmap(op, client);
		break;
	case ACTION_READ:
		check_foreign(client, access_get(address));
		break;
	case ACTION_WRITE:
		access_put(address, tag(client));
		break;
	case ACTION_FILL:
		for (i = 0; i < 8; i++)
			access_put(place(client, 0, slot, i), tag(client));
		break;
	case ACTION_FORK:
		do_fork(op, client, slot);
		break;
	case ACTION_SYSFS:
		do_sysfs(op);
		break;
	case ACTION_REOPEN:
		do_reopen(op);
		break;
	case ACTION_FDINFO:
		do_fdinfo(op, thread);
		break;
	case ACTION_SHRINK:
		/* Caches of objects, among them the pool's */
		put_text("/proc/sys/vm/drop_caches", "2\n");
		break;
	case ACTION_CLOSE_EXPORT:
		if (nr_exports)
			dup3(files[1], exports[op->values[0] % nr_exports % MAX_EXPORTS],
			     O_CLOEXEC);
		break;
	case ACTION_UNKNOWN:
		ioctl(fds[op->where % 4], op->values[0] << 8 | op->values[1], thread->scratch);
		break;
	case ACTION_PROC_MEM:
	case ACTION_PROCESS_VM:
	case ACTION_PIPE:
		/* It may hold bytes that were read for the other client. */
		memset(thread->scratch, tag(client), 64);
		do_access(thread, op, address);
		break;
	default:
		do_vma(op, client, address);
	}
}

/* ---- running a sequence ---- */

static void *run_thread(void *argument)
{
	struct thread *thread = argument;
	int cover = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	unsigned int i;

	thread->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	thread->scratch = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	munmap(thread->scratch + 2 * PAGE, PAGE);
	mmap(thread->scratch + 2 * PAGE, PAGE, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ioctl(cover, KCOV_INIT_TRACE, COVER_WORDS);
	thread->cover = mmap(NULL, COVER_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			     MAP_SHARED, cover, 0);
	if (thread->cover == MAP_FAILED || ioctl(cover, KCOV_ENABLE, KCOV_TRACE_PC)) {
		fail("the kernel counts no coverage: KCOV is needed");
		_exit(1);
	}

	for (;;) {
		pthread_barrier_wait(&barrier);
		if (thread->index < current.nr_threads) {
			__atomic_store_n(&thread->cover[0], 0, __ATOMIC_RELAXED);
			for (i = 0; i < current.nr_operations; i++) {
				const struct operation *op = &current.operations[i];

				if (op->where / 16 % current.nr_threads == thread->index)
					run_operation(thread, op);
			}
		}
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* Returns how many pairs of places are new that were passed one after the other. */
static unsigned int new_coverage(uint64_t text)
{
	unsigned int i, number, found = 0;
	uint64_t before, offset;

	for (i = 0; i < current.nr_threads; i++) {
		uint64_t length = __atomic_load_n(&threads[i].cover[0], __ATOMIC_RELAXED);

		before = 0;
		for (number = 1; number <= length && number < COVER_WORDS; number++) {
			uint64_t edge;

			offset = threads[i].cover[number] - text;
			if (offset >= sizeof(shared->places))
				continue;
			shared->nr_places += !shared->places[offset];
			shared->places[offset] = 1;
			edge = (before * 31 ^ offset) * 0x9e3779b97f4a7c15ULL >> 48;
			found += !shared->edges[edge];
			shared->edges[edge] = 1;
			before = offset;
		}
	}
	shared->nr_edges += found;
	return found;
}

static void print_sequence(const struct sequence *sequence)
{
	const unsigned char *bytes = (const unsigned char *)sequence->operations;
	unsigned int i;

	printf("@seq %llx %u ", (unsigned long long)sequence->config, sequence->nr_threads);
	for (i = 0; i < sequence->nr_operations * sizeof(struct operation); i++)
		printf("%02x", bytes[i]);
	printf("\n");
	fflush(stdout);
	/* It has to be out before the kernel can die. */
	tcdrain(STDOUT_FILENO);
}

static bool parse_sequence(const char *line, struct sequence *sequence)
{
	unsigned char *bytes = (unsigned char *)sequence->operations;
	unsigned long long config;
	unsigned int nr_threads, size = 0;
	int start;

	if (sscanf(line, "@seq %llx %u %n", &config, &nr_threads, &start) != 2)
		return false;
	for (line += start; size < sizeof(sequence->operations); line += 2) {
		if (sscanf(line, "%2hhx", &bytes[size]) != 1)
			break;
		size++;
	}
	sequence->config = config;
	sequence->nr_threads = nr_threads >= 1 && nr_threads <= MAX_THREADS ? nr_threads : 1;
	sequence->nr_operations = size / sizeof(struct operation);
	return sequence->nr_operations;
}

/* Prints a report of the kernel; returns whether there is one. */
static bool kernel_reports(void)
{
	static const char *const signs[] = {
		"BUG",
		"WARNING",
		"Oops",
		"KASAN",
		"UBSAN",
		"refcount_t",
		"corruption",
		"protection",
		"sleeping",
	};
	static char message[8192];
	bool found = false;
	ssize_t length;
	unsigned int i;

	while ((length = read(log_fd, message, sizeof(message) - 1)) > 0) {
		message[length] = '\0';
		for (i = 0; i < ARRAY_SIZE(signs); i++)
			found |= !!strstr(message, signs[i]);
		if (found)
			printf("kernel: %s", message);
	}
	return found;
}

/* A file of each kind; returns success. */
static bool open_files(void)
{
	static char bytes[16 * PAGE];
	unsigned int i;

	memset(bytes, 'i', 5 * PAGE);
	memset(bytes + 8 * PAGE, 'j', PAGE);
	files[0] = make_memfd(bytes, sizeof(bytes), true);
	files[1] = make_memfd(bytes, sizeof(bytes), false);
	files[2] = make_memfd(bytes, 5 * PAGE + 7, true);
	files[3] = memfd_create("empty", MFD_CLOEXEC);
	files[4] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	files[5] = open("/", O_RDONLY | O_CLOEXEC);
	files[6] = open("/init", O_RDONLY | O_CLOEXEC);
	files[7] = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	files[8] = open("/tmp/write-only", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	files[9] = open(POOL_DEVICE, O_RDWR | O_CLOEXEC);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (files[i] < 0)
			return false;
	}
	return true;
}

/* Of an empty file, which a sequence's mprotect() doesn't make readable, either */
static bool clear_arena(void)
{
	static int nothing = -1;

	if (nothing < 0)
		nothing = memfd_create("nothing", MFD_CLOEXEC);
	return mmap(arena, 2 * WINDOWS * WINDOW_BYTES, PROT_NONE, MAP_SHARED | MAP_FIXED, nothing,
		    0) == arena;
}

/* Runs the current sequence on a pool that holds nothing; returns success. */
static bool run_sequence(void)
{
	size_t length = info.nr_slots * info.slot_stride;
	unsigned int i;

	fds[0] = open_pool();
	fds[1] = open_pool();
	fds[2] = dup(fds[0]);
	fds[3] = dup(fds[1]);
	nr_exports = 0;
	images_shared = false;
	memset(nr_handles, 0, sizeof(nr_handles));
	memset(nr_slots, 0, sizeof(nr_slots));
	memset(written, 0, sizeof(written));
	for (i = 0; i < 2 && length <= WINDOW_BYTES; i++)
		mmap(window(i, 0), length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fds[i],
		     0);
	print_sequence(&current);

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);

	clear_arena();
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	for (i = 0; i < nr_exports && i < MAX_EXPORTS; i++)
		close(exports[i]);
	/* Ones that MAX_EXPORTS had no room for can't be closed: see main(). */
	shared->nr_runs++;
	if (kernel_reports())
		fail("the kernel has reported something");
	if (nr_exports <= MAX_EXPORTS && !pool_is_idle())
		fail("the pool is not idle when all is closed");
	return !shared->failed;
}

/* ---- inventing sequences ---- */

static void random_operation(struct operation *op, uint64_t *state)
{
	unsigned char *bytes = (unsigned char *)op;
	/* Most of the time something to work with */
	static const unsigned char frequent[] = { 1, 1, 1, 2, 3, 4, 8, 8, 9, 10, ACTION_WRITE,
						  ACTION_READ, ACTION_FILL, ACTION_FILL };
	uint64_t random = 0;
	unsigned int i;

	for (i = 0; i < sizeof(*op); i++) {
		if (i % 8 == 0)
			random = random_next(state);
		bytes[i] = random >> (i % 8 * 8);
	}
	op->action = op->action < 150 ? frequent[op->action % sizeof(frequent)] :
					op->action % NR_ACTIONS;
	/* Forks and shrinking take long, and after a seal nothing is left. */
	if ((op->action == ACTION_FORK || op->action == ACTION_SHRINK ||
	     op->action == _IOC_NR(SLOTPOOL_SEAL)) &&
	    random % 4)
		op->action = ACTION_WRITE;
}

static void invent(struct sequence *sequence, uint64_t *state)
{
	uint32_t nr_corpus = shared->nr_corpus;
	const struct sequence *other;
	unsigned int i, at;

	if (!nr_corpus || random_next(state) % 8 == 0) {
		sequence->nr_threads = 1 + random_next(state) % MAX_THREADS;
		sequence->nr_operations = 2 + random_next(state) % (MAX_OPERATIONS - 1);
		for (i = 0; i < sequence->nr_operations; i++)
			random_operation(&sequence->operations[i], state);
		return;
	}
	*sequence = shared->corpus[random_next(state) % nr_corpus];
	for (i = 1 + random_next(state) % 4; i; i--) {
		struct operation *ops = sequence->operations;

		at = random_next(state) % sequence->nr_operations;
		switch (random_next(state) % 6) {
		case 0:
			random_operation(&ops[at], state);
			break;
		case 1:
			if (sequence->nr_operations == MAX_OPERATIONS)
				break;
			memmove(&ops[at + 1], &ops[at],
				(sequence->nr_operations++ - at) * sizeof(*ops));
			random_operation(&ops[at], state);
			break;
		case 2:
			if (sequence->nr_operations == 1)
				break;
			memmove(&ops[at], &ops[at + 1],
				(--sequence->nr_operations - at) * sizeof(*ops));
			break;
		case 3:
			/* The end of another one */
			other = &shared->corpus[random_next(state) % nr_corpus];
			if (at >= other->nr_operations)
				break;
			memcpy(&ops[at], &other->operations[at],
			       (other->nr_operations - at) * sizeof(*ops));
			sequence->nr_operations = other->nr_operations;
			break;
		case 4:
			sequence->nr_threads = 1 + random_next(state) % MAX_THREADS;
			break;
		default:
			((unsigned char *)&ops[at])[1 + random_next(state) % (sizeof(*ops) - 1)] =
				random_next(state);
		}
	}
}

/* ---- pools ---- */

/* Returns 0 or -errno; a configuration that can't be is refused. */
static int load(uint64_t config)
{
	bool may_be_refused = config >> 60 == 15;
	char text[1024] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++, config >>= 4) {
		unsigned int digit = config % 16;

		/* Defaults of the module most of the time, but for its size */
		if (digit >= 12 && i > 4 && !may_be_refused)
			continue;
		digit = digit == 15 && may_be_refused ? 4 : digit % 4;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s=%s",
			 parameters[i].name, parameters[i].values[digit]);
	}
	return load_pool(text);
}

static uint64_t read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	read(fd, text, sizeof(text) - 1);
	close(fd);
	return strtoull(text, NULL, 0);
}

/* Runs the first @nr_replayed of the corpus again and again, or, with 0, invents some. */
static void work(uint64_t config, uint64_t state, int rounds, unsigned int nr_replayed)
{
	uint64_t text = read_number("/sys/module/slotpool/sections/.text");
	pthread_t id;
	int i;

	access_handle();
	arena = mmap(NULL, 2 * WINDOWS * WINDOW_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || read_only == MAP_FAILED || !clear_arena() || !open_files()) {
		fail("can't set up");
		_exit(1);
	}
	info = call_info(files[9]);
	pthread_barrier_init(&barrier, NULL, MAX_THREADS + 1);
	for (i = 0; i < MAX_THREADS; i++) {
		threads[i].index = i;
		if (pthread_create(&id, NULL, run_thread, &threads[i])) {
			fail("can't set up");
			_exit(1);
		}
	}

	for (i = 0; i < rounds && seconds() < end; i++) {
		if (nr_replayed)
			current = shared->corpus[i % nr_replayed];
		else
			invent(&current, &state);
		current.config = config;
		if (!run_sequence())
			break;
		if (new_coverage(text) && !nr_replayed && shared->nr_corpus < MAX_CORPUS) {
			shared->corpus[shared->nr_corpus++] = current;
			printf("@new\n");
		}
	}
	_exit(0);
}

/* Prints where the threads of a process are in the kernel. */
static void show_stacks(pid_t pid)
{
	char command[128];

	snprintf(command, sizeof(command), "cat /proc/%d/task/*/stack", pid);
	system(command);
}

/* Runs sequences in a process on a pool of their own; returns success. */
static bool run_pool(uint64_t config, uint64_t state, int rounds, unsigned int nr_replayed)
{
	uint64_t before = 0;
	unsigned int waited = 0;
	pid_t worker;
	int status;

	int err = load(config);

	if (err) {
		/* Memory for the reserve may be short. Wrong parameters are EINVAL or ERANGE. */
		printf("a pool is refused: %s\n", strerror(-err));
		shared->nr_failed_loads++;
		return !nr_replayed;
	}
	shared->nr_pools++;
	fflush(stdout);
	worker = fork();
	if (!worker)
		work(config, state, rounds, nr_replayed);
	while (!waitpid(worker, &status, WNOHANG)) {
		usleep(100000);
		if (before != shared->nr_runs)
			waited = 0;
		before = shared->nr_runs;
		if (++waited > 10 * STUCK_SECONDS) {
			show_stacks(worker);
			fail("a sequence doesn't end");
			return false;
		}
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		printf("status %#x\n", status);
		fail("the process that runs sequences has died");
	}
	/* It had exported images open that the sequences lost sight of. */
	if (!shared->failed && !pool_is_idle())
		fail("the pool is not idle when the process is gone");
	if (!shared->failed && unload_pool())
		fail("the module can't be unloaded");
	return !shared->failed;
}

static void show_progress(double start)
{
	printf("%4.0f s: %llu sequences on %llu pools, %llu loads refused, ", seconds() - start,
	       (unsigned long long)shared->nr_runs, (unsigned long long)shared->nr_pools,
	       (unsigned long long)shared->nr_failed_loads);
	printf("%llu places and %llu pairs reached, %u kept\n",
	       (unsigned long long)shared->nr_places, (unsigned long long)shared->nr_edges,
	       shared->nr_corpus);
	fflush(stdout);
}

/* Runs the first sequences of the corpus on one pool, often enough for threads to meet. */
static bool replay_pool(unsigned int nr_replayed)
{
	unsigned int i, times = 2;

	for (i = 0; i < nr_replayed; i++) {
		if (shared->corpus[i].nr_threads > 1)
			times = 2 + 100 / nr_replayed;
	}
	return run_pool(shared->corpus[0].config, 0, times * nr_replayed, nr_replayed);
}

/* Lines that follow each other and have the same pool share it; returns success. */
static bool replay(FILE *file)
{
	static char line[4096];
	struct sequence *corpus = shared->corpus, next;
	unsigned int nr = 0;

	while (fgets(line, sizeof(line), file)) {
		if (!parse_sequence(line, &next))
			continue;
		if (nr && (nr == MAX_CORPUS || next.config != corpus[0].config)) {
			if (!replay_pool(nr))
				return false;
			nr = 0;
		}
		corpus[nr++] = next;
	}
	return !nr || replay_pool(nr);
}

int main(void)
{
	const char *limit = getenv("FUZZ_SECONDS");
	uint64_t seed = random_seed(), state = seed;
	double start = seconds();
	FILE *file = fopen("/fuzz-replay", "r");
	uint64_t config;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (shared == MAP_FAILED || log_fd < 0) {
		perror("fuzz");
		return 1;
	}
	/* The first load taints the kernel, which says so with no reason to stop. */
	lseek(log_fd, 0, SEEK_END);
	put_text("/sys/kernel/debug/failslab/verbose", "0\n");
	put_text("/sys/kernel/debug/fail_page_alloc/verbose", "0\n");
	put_text("/sys/kernel/debug/fail_usercopy/verbose", "0\n");

	end = file ? INFINITY : start + (limit ? atof(limit) : 60);
	if (file)
		return !replay(file);
	printf("SLOTPOOL_SEED=%#llx\n", (unsigned long long)seed);
	while (seconds() < end) {
		config = random_next(&state);
		if (!run_pool(config, random_next(&state), SEQUENCES_PER_POOL, 0))
			break;
		show_progress(start);
	}
	return shared->failed;
}
