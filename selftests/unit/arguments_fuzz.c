// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run kmod/ioctl.c and kmod/argument.c on arguments that libFuzzer generates. An
 * argument that <linux/slotpool.h> refuses fails with an error that the header names and
 * has no effect; an allowed one reaches the pool, in the pool's units. References to images
 * and files balance.
 *
 * The pool behind it only records each call; one of the calls may fail.
 */
#include "kernel.h"

#include "../../kmod/argument.c"
#include "../../kmod/ioctl.c"
#include "../lib/argument.h"

#include <stdio.h>

/* libFuzzer calls this name. */
int arguments_fuzz(const u8 *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

#define NR_SLOTS 8
#define SLOT_PAGES 16
#define STRIDE_PAGES 40
#define KEEP_PAGES 5
/* The pool's results */
#define ANSWER_SLOT 5
#define ANSWER_BYTES (3 * PAGE_SIZE)
#define ANSWER_PURGED 2
/* The last page of user memory is for arrays. */
#define ARRAY (USER_START + USER_SIZE - PAGE_SIZE)

enum file_descriptor {
	FD_PLAIN,
	FD_IMAGE,
	NR_FILES,
	NEW_FD = 9,
};

enum image_handle {
	HANDLE_ONCE = 1,
	HANDLE_TWICE,
	NR_HANDLES,
	NEW_IMAGE = 7,
	IMPORTED_IMAGE,
};

#define CHECK(condition)                                                          \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "line %d, command %#x, result %ld: %s\n", \
				__LINE__, command, result, #condition);           \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* A call of the pool or of the image store, sizes in pages; compared as bytes */
struct effect {
	enum {
		NO_EFFECT,
		EFFECT_ALLOC,
		EFFECT_RESET,
		EFFECT_FREE,
		EFFECT_RESIZE,
		EFFECT_PURGE_ALL,
		EFFECT_PURGE_KEY,
		EFFECT_PURGE_SLOT,
		EFFECT_PURGE_IMAGE,
		EFFECT_IMAGE,
		EFFECT_SNAPSHOT,
		EFFECT_EXPORT,
		EFFECT_IMPORT,
	} what;
	u32 slot, image;
	bool has_key, flag, no_padding[2];
	u64 key, limit, commit, keep;
};

struct user_memory user_memory;
struct task_struct *current = &(struct task_struct){ &(struct mm_struct){ 0 } };

static unsigned int command;
static long result;
static struct pool pool;
static struct client client;
static struct image_account account;
static struct image images[NR_HANDLES], imported;
static unsigned int nr_uses[NR_HANDLES];
static struct image *made, *added;
static struct file files[NR_FILES], exported;
static int reserved_fds;
static bool installed, bound_elsewhere, vanishing;
static struct effect effect;

/* The call to fail, 0 for none; its error; the error if it did fail */
static unsigned int fail_at, nr_calls;
static int failure, failed;

static int fails(int err)
{
	if (++nr_calls != fail_at)
		return 0;
	failed = err;
	return err;
}

static int note(const struct effect *now)
{
	assert(effect.what == NO_EFFECT);
	assert(!user_memory.open);
	effect = *now;
	if (vanishing)
		memset(user_memory.missing, true, sizeof(user_memory.missing));
	return fails(failure);
}

/* ---- functions that kmod/ioctl.c calls ---- */

int client_bind(struct client *binding)
{
	if (bound_elsewhere)
		return -EPERM;
	binding->mm = current->mm;
	client_get(binding);
	return 0;
}

bool client_maps(struct client *mapped, unsigned long start, unsigned long end)
{
	return end > mapped->mapped_start && start < mapped->mapped_end;
}

void image_get(struct image *image)
{
	assert(image->references.value > 0);
	image->references.value++;
}

void image_put(struct image *image)
{
	if (!image)
		return;
	assert(image->references.value > 0);
	if (!--image->references.value && image == made) {
		free(made);
		made = NULL;
	}
}

struct image *handle_get(struct handle_table *table, u32 handle)
{
	(void)table;
	if (handle >= NR_HANDLES || !nr_uses[handle])
		return NULL;
	image_get(&images[handle]);
	return &images[handle];
}

struct image *handle_remove(struct handle_table *table, u32 handle, bool *last)
{
	struct image *image = handle_get(table, handle);

	if (image) {
		*last = !--nr_uses[handle];
		if (*last)
			image_put(image);
	}
	return image;
}

int handle_add(struct handle_table *table, struct image *image)
{
	int err = fails(-ENOMEM);

	(void)table;
	if (err)
		return err;
	image_get(image);
	added = image;
	return 0;
}

static struct image *make_image(unsigned long length)
{
	made = calloc(1, sizeof(*made));
	made->references.value = 1;
	made->id = NEW_IMAGE;
	made->length = length;
	return made;
}

struct image *image_create(struct image_store *store, struct image_account *payer,
			   unsigned long length)
{
	int err = note(&(struct effect){ .what = EFFECT_IMAGE, .limit = length });

	assert(store == &pool.memory.images && payer == &account);
	return err ? ERR_PTR(err) : make_image(length);
}

int image_copy_memory(struct image *image, const struct slotpool_image_range *ranges,
		      u32 nr_ranges)
{
	u64 end = 0;
	u32 i;

	for (i = 0; i < nr_ranges; i++) {
		assert(ranges[i].offset >= end);
		end = ranges[i].offset + ranges[i].length;
		assert(end >= ranges[i].offset && end <= image->length << PAGE_SHIFT);
		assert(ranges[i].address + ranges[i].length >= ranges[i].address);
	}
	return fails(failure);
}

int image_read_file(struct image *image, const struct image_source *source)
{
	assert(source->file == &files[FD_PLAIN] || source->file == &files[FD_IMAGE]);
	assert(source->position >= 0 && source->length <= (u64)(LLONG_MAX - source->position));
	assert(source->offset + source->length >= source->offset);
	assert(source->offset + source->length <= image->length << PAGE_SHIFT);
	return fails(failure);
}

struct file *image_export(struct image *image)
{
	int err = note(&(struct effect){ .what = EFFECT_EXPORT, .image = image->id });

	if (err)
		return ERR_PTR(err);
	exported.nr_references = 1;
	return &exported;
}

struct image *image_import(struct file *file)
{
	if (file != &files[FD_IMAGE])
		return NULL;
	note(&(struct effect){ .what = EFFECT_IMPORT });
	failed = 0;
	image_get(&imported);
	return &imported;
}

struct file *fget(unsigned int fd)
{
	if (fd >= NR_FILES)
		return NULL;
	files[fd].nr_references++;
	return &files[fd];
}

void fput(struct file *file)
{
	assert(file->nr_references > 0);
	file->nr_references--;
}

int get_unused_fd_flags(unsigned int flags)
{
	int err = fails(-EMFILE);

	assert(flags == O_CLOEXEC);
	if (err)
		return err;
	reserved_fds++;
	return NEW_FD;
}

void put_unused_fd(unsigned int fd)
{
	assert(fd == NEW_FD && reserved_fds);
	reserved_fds--;
}

void fd_install(unsigned int fd, struct file *file)
{
	assert(file == &exported);
	put_unused_fd(fd);
	installed = true;
}

void *kvmalloc_array(size_t nr, size_t size, gfp_t gfp)
{
	(void)gfp;
	return fails(-ENOMEM) ? NULL : calloc(nr, size);
}

int pool_alloc(struct pool *from, struct pool_client *owner, struct pool_request *request)
{
	int err = note(&(struct effect){
		.what = EFFECT_ALLOC,
		.flag = request->exact,
		.slot = request->exact ? request->slot : 0,
		.image = request->image ? request->image->id : 0,
		.has_key = request->terms.has_key,
		.key = request->terms.key,
		.limit = request->terms.limit,
		.commit = request->terms.commit,
		.keep = request->terms.keep,
	});

	assert(from == &pool && owner == &client.pool_client);
	if (err)
		return err;
	if (!request->exact)
		request->slot = ANSWER_SLOT;
	request->placement = POLICY_COLD;
	request->kept = false;
	return 0;
}

s64 pool_reset(struct pool *from, struct pool_client *owner, u32 index)
{
	int err = note(&(struct effect){ .what = EFFECT_RESET, .slot = index });

	(void)from;
	(void)owner;
	return err ? err : ANSWER_BYTES;
}

s64 pool_free(struct pool *from, struct pool_client *owner, u32 index, bool decommit)
{
	int err = note(&(struct effect){ .what = EFFECT_FREE, .slot = index, .flag = decommit });

	(void)from;
	(void)owner;
	return err ? err : ANSWER_BYTES;
}

s64 pool_resize(struct pool *from, struct pool_client *owner, u32 index, bool grow_only,
		unsigned long limit, unsigned long commit)
{
	int err = note(&(struct effect){
		.what = EFFECT_RESIZE,
		.slot = index,
		.flag = grow_only,
		.limit = limit,
		.commit = commit,
	});

	(void)from;
	(void)owner;
	return err ? err : ANSWER_BYTES;
}

static u32 purge(const struct effect *now)
{
	note(now);
	failed = 0;
	return ANSWER_PURGED;
}

u32 pool_purge_all(struct pool *from, struct pool_client *owner)
{
	(void)from;
	(void)owner;
	return purge(&(struct effect){ .what = EFFECT_PURGE_ALL });
}

u32 pool_purge_key(struct pool *from, struct pool_client *owner, u64 key)
{
	(void)from;
	(void)owner;
	return purge(&(struct effect){ .what = EFFECT_PURGE_KEY, .key = key });
}

u32 pool_purge_image(struct pool *from, struct pool_client *owner, struct image *image)
{
	(void)from;
	(void)owner;
	return purge(&(struct effect){ .what = EFFECT_PURGE_IMAGE, .image = image->id });
}

int pool_purge_slot(struct pool *from, struct pool_client *owner, u32 index)
{
	(void)from;
	(void)owner;
	return note(&(struct effect){ .what = EFFECT_PURGE_SLOT, .slot = index });
}

struct image *pool_snapshot(struct pool *from, struct pool_client *owner, u32 index,
			    struct image_account *payer)
{
	int err = note(&(struct effect){ .what = EFFECT_SNAPSHOT, .slot = index });

	(void)from;
	(void)owner;
	assert(payer == &account);
	return err ? ERR_PTR(err) : make_image(SLOT_PAGES);
}

static bool owned(u32 slot)
{
	return slot % 2 == 0;
}

bool pool_describe(struct pool *from, struct pool_client *owner, u32 index,
		   struct slotpool_list_entry *entry)
{
	(void)from;
	(void)owner;
	assert(index < NR_SLOTS);
	memset(entry, 0, sizeof(*entry));
	entry->slot = index;
	return owned(index);
}

void pool_stat(struct pool *from, struct slotpool_stat_args *stat)
{
	(void)from;
	stat->used_slots = NR_SLOTS;
}

u64 pool_max_unused_warm_slots(struct pool *from)
{
	return from->config.max_unused_warm_slots;
}

u64 pool_max_unused_warm_bytes(struct pool *from)
{
	return from->config.max_unused_warm_bytes;
}

/* ---- the rules of <linux/slotpool.h> for arguments, without any optimisation ---- */

static bool allowed_errors[EHWPOISON];
static bool refused;
static u32 expected_entries;

static void refuse_if(bool condition, int err)
{
	if (condition) {
		allowed_errors[err] = true;
		refused = true;
	}
}

static bool has_handle(u32 handle)
{
	return handle == HANDLE_ONCE || handle == HANDLE_TWICE;
}

static void expect_terms(u64 limit, bool has_commit, u64 commit, struct effect *expected)
{
	bool overcommit = pool.config.overcommit;

	refuse_if(limit % PAGE_SIZE || limit > SLOT_PAGES * PAGE_SIZE, EINVAL);
	refuse_if(commit % PAGE_SIZE || commit > limit || (commit && !has_commit), EINVAL);
	refuse_if(commit && overcommit, EOPNOTSUPP);
	expected->limit = limit / PAGE_SIZE;
	expected->commit = (has_commit || overcommit ? commit : limit) / PAGE_SIZE;
}

static void expect_alloc(const struct slotpool_alloc_args *alloc, struct effect *expected)
{
	bool has_key = alloc->flags & SLOTPOOL_ALLOC_KEY;
	bool has_image = alloc->flags & SLOTPOOL_ALLOC_IMAGE;
	u64 limit = SLOT_PAGES * PAGE_SIZE;

	refuse_if(has_key ? has_image : alloc->key, EINVAL);
	refuse_if(!has_image && alloc->image, EINVAL);
	refuse_if(has_image && !has_handle(alloc->image), ENOENT);
	if (has_image && has_handle(alloc->image))
		limit = images[alloc->image].length * PAGE_SIZE;
	if (alloc->flags & SLOTPOOL_ALLOC_LIMIT)
		limit = alloc->limit;
	else
		refuse_if(alloc->limit, EINVAL);
	if (alloc->flags & SLOTPOOL_ALLOC_KEEP)
		refuse_if(alloc->keep % PAGE_SIZE, EINVAL);
	else
		refuse_if(alloc->keep, EINVAL);
	expected->what = EFFECT_ALLOC;
	expected->flag = alloc->flags & SLOTPOOL_ALLOC_EXACT;
	if (expected->flag) {
		refuse_if(alloc->slot >= NR_SLOTS, EINVAL);
		expected->slot = alloc->slot;
	}
	expected->image = alloc->image;
	expected->has_key = has_key;
	expected->key = alloc->key;
	expected->keep = alloc->flags & SLOTPOOL_ALLOC_KEEP ? alloc->keep / PAGE_SIZE : KEEP_PAGES;
	expect_terms(limit, alloc->flags & SLOTPOOL_ALLOC_COMMIT, alloc->commit, expected);
}

static void expect_purge(const struct slotpool_purge_args *argument, struct effect *expected)
{
	u32 flags = argument->flags;

	refuse_if(argument->__reserved || (flags & (flags - 1)), EINVAL);
	refuse_if(argument->key && !(flags & SLOTPOOL_PURGE_KEY), EINVAL);
	refuse_if(argument->slot && !(flags & SLOTPOOL_PURGE_SLOT), EINVAL);
	refuse_if(argument->image && !(flags & SLOTPOOL_PURGE_IMAGE), EINVAL);
	expected->key = argument->key;
	expected->slot = argument->slot;
	expected->image = argument->image;
	expected->what = EFFECT_PURGE_ALL;
	if (flags & SLOTPOOL_PURGE_KEY)
		expected->what = EFFECT_PURGE_KEY;
	if (flags & SLOTPOOL_PURGE_SLOT) {
		refuse_if(argument->slot >= NR_SLOTS, EINVAL);
		expected->what = EFFECT_PURGE_SLOT;
	}
	if (flags & SLOTPOOL_PURGE_IMAGE) {
		refuse_if(!has_handle(argument->image), ENOENT);
		expected->what = EFFECT_PURGE_IMAGE;
	}
}

static void expect_list(const struct slotpool_list_args *list)
{
	u64 address = list->entries;
	u32 slot;

	expected_entries = 0;
	for (slot = list->first; slot < NR_SLOTS && expected_entries < list->nr_entries; slot++) {
		if (!owned(slot))
			continue;
		refuse_if(!user_at(address, sizeof(struct slotpool_list_entry), true), EFAULT);
		address += sizeof(struct slotpool_list_entry);
		expected_entries++;
	}
}

static void expect_ranges(const struct slotpool_image_args *image)
{
	const u64 size = sizeof(struct slotpool_image_range);
	const unsigned char *bytes = user_at(image->ranges, image->nr_ranges * size, false);
	struct slotpool_image_range one, other;
	bool overlap;
	u32 i, j;

	refuse_if(image->nr_ranges > SLOTPOOL_IMAGE_MAX_RANGES, EINVAL);
	refuse_if(image->nr_ranges && !bytes, EFAULT);
	for (i = 0; bytes && i < image->nr_ranges; i++) {
		memcpy(&one, bytes + i * size, size);
		refuse_if(one.offset + one.length < one.offset, EINVAL);
		refuse_if(one.offset + one.length > image->length, EINVAL);
		refuse_if(one.address + one.length < one.address, EINVAL);
		for (j = 0; j < i; j++) {
			memcpy(&other, bytes + j * size, size);
			overlap = one.offset < other.offset + other.length &&
				  other.offset < one.offset + one.length;
			refuse_if(overlap, EINVAL);
		}
	}
}

static void expect_image(const struct slotpool_image_args *image, struct effect *expected)
{
	bool of_memory = image->flags == SLOTPOOL_IMAGE_MEMORY;
	bool of_file = image->flags == SLOTPOOL_IMAGE_FILE;
	bool of_slot = image->flags == SLOTPOOL_IMAGE_SLOT;

	refuse_if(!of_memory && !of_file && !of_slot, EINVAL);
	refuse_if(image->length % PAGE_SIZE || image->length > SLOT_PAGES * PAGE_SIZE, EINVAL);
	refuse_if(of_slot && image->length, EINVAL);
	refuse_if(!of_memory && (image->ranges || image->nr_ranges), EINVAL);
	refuse_if(!of_file && (image->offset || image->file_offset || image->file_length ||
			       image->fd),
		  EINVAL);
	refuse_if(of_slot ? image->slot >= NR_SLOTS : image->slot, EINVAL);
	if (of_memory)
		expect_ranges(image);
	if (of_file) {
		refuse_if(image->offset + image->file_length < image->offset, EINVAL);
		refuse_if(image->offset + image->file_length > image->length, EINVAL);
		refuse_if(image->file_offset + image->file_length < image->file_offset, EINVAL);
		refuse_if(image->file_offset + image->file_length > LLONG_MAX, EINVAL);
		refuse_if((u32)image->fd >= NR_FILES, EBADF);
	}
	expected->what = of_slot ? EFFECT_SNAPSHOT : EFFECT_IMAGE;
	expected->slot = image->slot;
	expected->limit = image->length / PAGE_SIZE;
}

static void expect(unsigned int nr, const union argument *argument, struct effect *expected)
{
	switch (_IO(SLOTPOOL_IOC_MAGIC, nr)) {
	case SLOTPOOL_INFO:
		refuse_if(argument->info.__reserved, EINVAL);
		break;
	case SLOTPOOL_ALLOC:
		expect_alloc(&argument->alloc, expected);
		break;
	case SLOTPOOL_RESET:
		refuse_if(argument->reset.__reserved || argument->reset.slot >= NR_SLOTS, EINVAL);
		expected->what = EFFECT_RESET;
		expected->slot = argument->reset.slot;
		break;
	case SLOTPOOL_FREE:
		refuse_if(argument->free.__reserved || argument->free.slot >= NR_SLOTS, EINVAL);
		expected->what = EFFECT_FREE;
		expected->slot = argument->free.slot;
		expected->flag = argument->free.flags & SLOTPOOL_FREE_DECOMMIT;
		break;
	case SLOTPOOL_RESIZE:
		refuse_if(argument->resize.__reserved, EINVAL);
		refuse_if(argument->resize.slot >= NR_SLOTS, EINVAL);
		expected->what = EFFECT_RESIZE;
		expected->slot = argument->resize.slot;
		expected->flag = argument->resize.flags & SLOTPOOL_RESIZE_GROW_ONLY;
		expect_terms(argument->resize.limit,
			     argument->resize.flags & SLOTPOOL_RESIZE_COMMIT,
			     argument->resize.commit, expected);
		break;
	case SLOTPOOL_PURGE:
		expect_purge(&argument->purge, expected);
		break;
	case SLOTPOOL_LIST:
		expect_list(&argument->list);
		break;
	case SLOTPOOL_IMAGE:
		expect_image(&argument->image, expected);
		break;
	case SLOTPOOL_EXPORT:
		refuse_if(!has_handle(argument->export.image), ENOENT);
		expected->what = EFFECT_EXPORT;
		expected->image = argument->export.image;
		break;
	case SLOTPOOL_IMPORT:
		refuse_if((u32)argument->import.fd >= NR_FILES, EBADF);
		refuse_if(argument->import.fd != FD_IMAGE, EINVAL);
		expected->what = EFFECT_IMPORT;
		break;
	case SLOTPOOL_RELEASE:
		refuse_if(!has_handle(argument->release.image), ENOENT);
		/* The client keeps another handle of it. */
		if (argument->release.image != HANDLE_TWICE) {
			expected->what = EFFECT_PURGE_IMAGE;
			expected->image = argument->release.image;
		}
		break;
	}
}

/* ---- one call ---- */

#define COMMAND(_name, _first_result, _flags, _changes)                                           \
	{                                                                                         \
		sizeof(struct slotpool_##_name##_args),                                           \
			offsetof(struct slotpool_##_name##_args, _first_result), _flags, _changes \
	}

static const struct {
	u32 size, first_result, flags;
	bool changes;
} commands[] = {
	COMMAND(info, features, 0, false),
	COMMAND(alloc, slot, 0x3f, true),
	COMMAND(reset, held, 0, true),
	COMMAND(free, held, 0x3, true),
	COMMAND(resize, old_limit, 0x3, true),
	COMMAND(purge, purged, 0x7, true),
	COMMAND(list, nr_entries, 0, false),
	COMMAND(stat, used_slots, 0, false),
	COMMAND(image, length, 0x7, true),
	COMMAND(export, fd, 0, true),
	COMMAND(import, image, 0, true),
	COMMAND(release, purged, 0, true),
	COMMAND(seal, commands, 0x1, true),
};

struct input {
	const u8 *data;
	size_t size;
};

static unsigned int take_byte(struct input *input)
{
	if (!input->size)
		return 0;
	input->size--;
	return *input->data++;
}

static void take_bytes(struct input *input, unsigned char *to, size_t size)
{
	size = min(size, input->size);
	memcpy(to, input->data, size);
	input->data += size;
	input->size -= size;
}

/* Turn a byte into a word; most give a word with a known meaning. */
static u64 take_word(struct input *input)
{
	unsigned int byte = take_byte(input);
	u64 word = 0;

	switch (byte / 32) {
	case 0:
	case 1:
		return byte * PAGE_SIZE;
	case 2:
	case 3:
		return byte % 8 | (u64)(byte / 8 % 8) << 32;
	case 4:
		return -(u64)(byte % 16) * (byte & 16 ? PAGE_SIZE : 1);
	case 5:
		return 1ULL << (byte % 32 * 2 + 1);
	case 6:
		return byte % 32 * (PAGE_SIZE / 8);
	default:
		take_bytes(input, (unsigned char *)&word, sizeof(word));
		return word;
	}
}

static void take_words(struct input *input, unsigned char *to, size_t size)
{
	u64 word;

	for (; size >= sizeof(word) && input->size; size -= sizeof(word), to += sizeof(word)) {
		word = take_word(input);
		memcpy(to, &word, sizeof(word));
	}
}

static void set_up(void)
{
	u32 i;

	memset(&user_memory, 0, sizeof(user_memory));
	memset(&client, 0, sizeof(client));
	memset(&effect, 0, sizeof(effect));
	memset(allowed_errors, 0, sizeof(allowed_errors));
	client.pool = &pool;
	client.account = &account;
	client.mm = current->mm;
	client.users.value = 1;
	pool.config = (struct pool_config){
		.nr_slots = NR_SLOTS,
		.slot_size = SLOT_PAGES * PAGE_SIZE,
		.slot_stride = STRIDE_PAGES * PAGE_SIZE,
	};
	pool.keep_pages = KEEP_PAGES;
	for (i = HANDLE_ONCE; i < NR_HANDLES; i++) {
		images[i].references.value = 1;
		images[i].id = i;
		/* One fits into a slot, one is longer than any slot. */
		images[i].length = i == HANDLE_ONCE ? SLOT_PAGES / 2 : SLOT_PAGES * 2;
		nr_uses[i] = i;
	}
	imported.references.value = 1;
	imported.id = IMPORTED_IMAGE;
	for (i = 0; i < NR_FILES; i++)
		files[i].nr_references = 1;
	exported.nr_references = 0;
	free(made);
	made = NULL;
	added = NULL;
	reserved_fds = 0;
	installed = false;
	refused = false;
	nr_calls = 0;
	failed = 0;
}

/* Expect the errors of the address, the size and the flags. */
static void expect_header(unsigned int nr, u64 address, union argument *argument,
			  struct effect *expected)
{
	u32 size = commands[nr].size;
	const unsigned char *bytes = user_at(address, sizeof(u32), false);
	u32 given, i;

	refuse_if(!user_at(address, size, true), EFAULT);
	if (!bytes)
		return;
	memcpy(&given, bytes, sizeof(given));
	refuse_if(given < size, EINVAL);
	refuse_if(given > PAGE_SIZE, E2BIG);
	bytes = user_at(address, size, false);
	if (!bytes)
		return;
	memcpy(argument, bytes, size);
	if (given > size) {
		bytes = user_at(address + size, given - size, false);
		refuse_if(!bytes, EFAULT);
		for (i = 0; bytes && i < given - size; i++)
			refuse_if(bytes[i], E2BIG);
	}
	refuse_if(argument->header.flags & ~commands[nr].flags, EINVAL);
	expect(nr, argument, expected);
}

/* References, descriptors and the client's users are the same as before. */
static void check_balance(void)
{
	u32 i;

	CHECK(!user_memory.open);
	CHECK(client.users.value == 1);
	CHECK(!reserved_fds);
	CHECK(exported.nr_references == installed);
	for (i = HANDLE_ONCE; i < NR_HANDLES; i++)
		CHECK(images[i].references.value == (nr_uses[i] ? 1 : 0));
	CHECK(imported.references.value == 1 + (added == &imported));
	CHECK(!made || (made == added && made->references.value == 1));
	for (i = 0; i < NR_FILES; i++)
		CHECK(files[i].nr_references == 1);
}

static void check_results(unsigned int nr, const union argument *before,
			  const union argument *after)
{
	u64 all = BIT_ULL(ARRAY_SIZE(commands)) - 1;

	CHECK(!memcmp(before, after, commands[nr].first_result));
	switch (command) {
	case SLOTPOOL_ALLOC:
		CHECK(after->alloc.slot == (effect.flag ? effect.slot : ANSWER_SLOT));
		CHECK(after->alloc.offset == after->alloc.slot * STRIDE_PAGES * PAGE_SIZE);
		CHECK(after->alloc.image == before->alloc.image);
		break;
	case SLOTPOOL_RESET:
		CHECK(after->reset.held == ANSWER_BYTES);
		break;
	case SLOTPOOL_FREE:
		CHECK(after->free.held == (failed ? 0 : ANSWER_BYTES));
		break;
	case SLOTPOOL_RESIZE:
		CHECK(after->resize.old_limit == ANSWER_BYTES);
		break;
	case SLOTPOOL_PURGE:
		CHECK(after->purge.purged ==
		      (effect.what == EFFECT_PURGE_SLOT ? 1 : ANSWER_PURGED));
		break;
	case SLOTPOOL_LIST:
		CHECK(after->list.nr_entries == expected_entries);
		CHECK(after->list.first <= NR_SLOTS);
		break;
	case SLOTPOOL_IMAGE:
		CHECK(after->image.image == NEW_IMAGE && added == made);
		break;
	case SLOTPOOL_EXPORT:
		CHECK(after->export.fd == NEW_FD && installed);
		break;
	case SLOTPOOL_IMPORT:
		CHECK(after->import.image == IMPORTED_IMAGE && added == &imported);
		break;
	case SLOTPOOL_RELEASE:
		CHECK(after->release.purged == (effect.what ? ANSWER_PURGED : 0));
		break;
	case SLOTPOOL_SEAL:
		CHECK(after->seal.commands == (all & before->seal.commands));
		CHECK(client_sealed(&client, all) == !!(all & ~before->seal.commands));
		CHECK(client_sealed(&client, CLIENT_SEALED_MMAP) ==
		      (before->seal.flags & SLOTPOOL_SEAL_MMAP));
		break;
	}
}

/*
 * Eight bytes set up the call; the argument, up to 15 bytes behind it, and the array
 * that it may point to follow.
 */
int arguments_fuzz(const u8 *data, size_t size)
{
	static unsigned char before[USER_SIZE];
	static const int failures[] = { -ENOENT, -ENOSPC, -ENOMEM, -EDQUOT };
	static const u64 bad_addresses[] = { 0, -8UL, USER_END - 8, USER_END, 1UL << 63 };
	struct input input = { data, size };
	struct file file = { .private_data = &client };
	union argument argument = { 0 }, after;
	struct effect expected = { 0 };
	unsigned int options, nr, pages, tail, i;
	unsigned char *bytes;
	u64 address;

	set_up();
	options = take_byte(&input);
	nr = take_byte(&input);
	pages = take_byte(&input);
	address = take_byte(&input);
	address = USER_START + (address << 8 | take_byte(&input)) % (2 * PAGE_SIZE);
	i = take_byte(&input);
	fail_at = i % 8;
	failure = failures[i / 8 % ARRAY_SIZE(failures)];
	tail = take_byte(&input);
	i = take_byte(&input);
	if (i > 250)
		address = bad_addresses[i - 251];

	command = _IO(nr < 0xf0 ? SLOTPOOL_IOC_MAGIC : nr, nr % 16);
	if (nr > 0xe0 && nr < 0xf0)
		command |= 1U << (16 + i % 16);
	nr %= 16;
	pool.config.overcommit = options & 1;
	bound_elsewhere = options & 2;
	if (bound_elsewhere)
		client.mm = NULL;
	vanishing = options & 8;
	client.may_administer = tail / 16 != 13;
	if (tail / 16 == 14) {
		client.mapped_start = USER_START + PAGE_SIZE;
		client.mapped_end = USER_START + 2 * PAGE_SIZE;
	}

	if (nr < ARRAY_SIZE(commands)) {
		if (options & 4)
			client.sealed.value = BIT_ULL(nr);
		bytes = user_at(address, commands[nr].size + tail % 16, false);
		if (bytes) {
			take_words(&input, bytes, commands[nr].size);
			take_bytes(&input, bytes + commands[nr].size, tail % 16);
			if (options & 16) {
				i = commands[nr].size + tail % 16;
				memcpy(bytes, &i, sizeof(i));
				i = tail / 16;
				if (i < 15)
					i = take_byte(&input) & commands[nr].flags;
				memcpy(bytes + sizeof(i), &i, sizeof(i));
			}
			if (options & 32 && nr == _IOC_NR(SLOTPOOL_IMAGE))
				memcpy(bytes + offsetof(struct slotpool_image_args, ranges),
				       &(u64){ ARRAY + pages / 64 * 8 }, sizeof(u64));
			if (options & 32 && nr == _IOC_NR(SLOTPOOL_LIST))
				memcpy(bytes + offsetof(struct slotpool_list_args, entries),
				       &(u64){ ARRAY + pages / 64 * 8 }, sizeof(u64));
		}
		take_words(&input, user_at(ARRAY, PAGE_SIZE, false), PAGE_SIZE);
	}
	/* In most calls all pages are accessible. */
	for (i = 0; i < USER_PAGES; i++) {
		user_memory.missing[i] = options & 64 && pages & 1 << i;
		user_memory.read_only[i] = options & 128 && pages & 1 << i;
	}
	memcpy(before, user_memory.bytes, USER_SIZE);

	if (nr >= ARRAY_SIZE(commands) || command != _IO(SLOTPOOL_IOC_MAGIC, nr)) {
		refuse_if(true, ENOTTY);
	} else {
		refuse_if(client_sealed(&client, BIT_ULL(nr)), EACCES);
		refuse_if(bound_elsewhere && commands[nr].changes, EPERM);
		if (commands[nr].changes)
			refuse_if(client_maps(&client, address, address + commands[nr].size),
				  EFAULT);
		expect_header(nr, address, &argument, &expected);
	}

	result = ioctl_run(&file, command, address);

	check_balance();
	if (refused) {
		CHECK(result < 0 && result > -EHWPOISON);
		CHECK(allowed_errors[-result] || result == failed);
		CHECK(effect.what == NO_EFFECT && !added && !installed);
		CHECK(command == SLOTPOOL_LIST || !memcmp(before, user_memory.bytes, USER_SIZE));
		return 0;
	}
	if (effect.what || !failed)
		CHECK(!memcmp(&effect, &expected, sizeof(effect)));
	if (command == SLOTPOOL_FREE && failed == -ENOENT &&
	    argument.free.flags & SLOTPOOL_FREE_IF_OWNED)
		CHECK(result == (vanishing ? -EFAULT : 0));
	else if (failed)
		CHECK(result == failed);
	else
		CHECK(result == (vanishing && effect.what ? -EFAULT : 0));
	if (result)
		return 0;
	memcpy(&after, user_memory.bytes + (address - USER_START), commands[nr].size);
	/* The entries may lie on the argument. */
	if (command == SLOTPOOL_LIST && argument.list.entries < ARRAY)
		return 0;
	check_results(nr, &argument, &after);
	if (command == SLOTPOOL_LIST)
		return 0;
	memcpy(user_memory.bytes + (address - USER_START), before + (address - USER_START),
	       commands[nr].size);
	CHECK(!memcmp(before, user_memory.bytes, USER_SIZE));
	return 0;
}
