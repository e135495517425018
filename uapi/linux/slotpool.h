/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * slotpool - pools of memory slots with affinity
 *
 * Every argument structure starts with its own size. The caller sets it to the
 * size that it was compiled with. The kernel reads the missing tail of a
 * structure shorter than its own as zeros, and accepts a longer structure if
 * the part that it doesn't know is zero. All fields have the same offset and
 * size for 32-bit and 64-bit callers.
 *
 * Every command can return these errors:
 *
 * ENOTTY	this file doesn't have the command
 * EFAULT	the argument structure is not readable and writable, or it lies in a
 *		slot that is mapped through the same file, and the command is not
 *		INFO, LIST or STAT
 * EINVAL	size is smaller than the first version of the structure, a flag
 *		is unknown, a reserved field is not zero, or a field is not
 *		zero although its flag is not set
 * E2BIG	size is larger than the kernel's and the tail is not zero, or size
 *		is larger than a page
 * EACCES	the command has been sealed off with SEAL
 *
 * Every command that changes something (all but INFO, LIST and STAT) can also
 * return:
 *
 * EPERM	the open file is bound to the address space of another process
 *
 * ALLOC, RESIZE and IMAGE of a process that is being killed return EINTR, which
 * no surviving process sees.
 *
 * An argument structure must not lie in the slot that it names: results are
 * written to it when the command is done.
 *
 * A command that fails has changed nothing, except that idle slots may have
 * given up memory in the attempt to find enough. A field that is marked "out"
 * and not "in" may hold any value before the call.
 */
#ifndef _UAPI_LINUX_SLOTPOOL_H
#define _UAPI_LINUX_SLOTPOOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SLOTPOOL_IOC_MAGIC 0xF7

#define SLOTPOOL_INFO	_IO(SLOTPOOL_IOC_MAGIC, 0x00)
#define SLOTPOOL_ALLOC	_IO(SLOTPOOL_IOC_MAGIC, 0x01)
#define SLOTPOOL_RESET	_IO(SLOTPOOL_IOC_MAGIC, 0x02)
#define SLOTPOOL_FREE	_IO(SLOTPOOL_IOC_MAGIC, 0x03)
#define SLOTPOOL_RESIZE	_IO(SLOTPOOL_IOC_MAGIC, 0x04)
#define SLOTPOOL_PURGE	_IO(SLOTPOOL_IOC_MAGIC, 0x05)
#define SLOTPOOL_LIST	_IO(SLOTPOOL_IOC_MAGIC, 0x06)
#define SLOTPOOL_STAT	_IO(SLOTPOOL_IOC_MAGIC, 0x07)
#define SLOTPOOL_IMAGE	_IO(SLOTPOOL_IOC_MAGIC, 0x08)
#define SLOTPOOL_EXPORT	_IO(SLOTPOOL_IOC_MAGIC, 0x09)
#define SLOTPOOL_IMPORT	_IO(SLOTPOOL_IOC_MAGIC, 0x0a)
#define SLOTPOOL_RELEASE _IO(SLOTPOOL_IOC_MAGIC, 0x0b)
#define SLOTPOOL_SEAL	_IO(SLOTPOOL_IOC_MAGIC, 0x0c)

/**
 * enum slotpool_feature - bits of &struct slotpool_info_args.features
 * @SLOTPOOL_FEATURE_OVERCOMMIT: The pool takes pages beyond its reserve from
 *	the system, charged to the process that touches them. Without it every
 *	page comes from the reserve, and ALLOC and RESIZE commit to them.
 * @SLOTPOOL_FEATURE_STRICT: FREE unmaps the slot: every later access to it
 *	raises SIGSEGV.
 * @SLOTPOOL_FEATURE_DIRTY_BITS: The kernel reports which pages were written:
 *	finding pages that are no longer written takes no page fault. Without
 *	it a slot is unmapped to find them.
 */
enum slotpool_feature {
	SLOTPOOL_FEATURE_OVERCOMMIT = 1 << 0,
	SLOTPOOL_FEATURE_STRICT = 1 << 1,
	SLOTPOOL_FEATURE_DIRTY_BITS = 1 << 2,
};

/**
 * struct slotpool_info_args - argument of SLOTPOOL_INFO: describe the pool
 * @size: sizeof(struct slotpool_info_args)
 * @flags: Must be 0.
 * @features: out: bits of enum slotpool_feature
 * @slot_size: out: bytes of a slot that can be made accessible
 * @slot_stride: out: bytes between the starts of two slots in a mapping; slot
 *	i begins at offset i * @slot_stride of the device
 * @keep_bytes: out: bytes that a reset overwrites at most unless ALLOC says
 *	otherwise
 * @max_unused_warm_slots: out: with this many warm slots or more, ALLOC
 *	recycles them before it takes cold slots
 * @reserve_pages: out: pages set aside for the pool
 * @max_client_pages: out: pages that the slots of one client may hold, 0 for
 *	no bound
 * @nr_slots: out: slots in the pool
 * @nr_shards: out: parts of the pool to which the placement rule applies
 *	separately
 * @page_size: out: granularity of limits and commitments in bytes
 * @__reserved: Must be 0.
 * @max_unused_warm_bytes: out: bytes that warm slots may hold together; above
 *	that the least recently used of them give up their memory
 * @max_image_bytes: out: bytes that one image may store
 * @max_client_image_bytes: out: bytes that all existing images made by one
 *	client may store
 * @max_pool_image_bytes: out: bytes that all images may store
 *
 * Changes nothing and binds nothing.
 */
struct slotpool_info_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__aligned_u64 slot_size;
	__aligned_u64 slot_stride;
	__aligned_u64 keep_bytes;
	__aligned_u64 max_unused_warm_slots;
	__aligned_u64 reserve_pages;
	__aligned_u64 max_client_pages;
	__u32 nr_slots;
	__u32 nr_shards;
	__u32 page_size;
	__u32 __reserved;
	__aligned_u64 max_unused_warm_bytes;
	__aligned_u64 max_image_bytes;
	__aligned_u64 max_client_image_bytes;
	__aligned_u64 max_pool_image_bytes;
};

/**
 * enum slotpool_alloc_flags - flags of SLOTPOOL_ALLOC
 * @SLOTPOOL_ALLOC_KEY: &struct slotpool_alloc_args.key is the affinity; without
 *	KEY and IMAGE the slot has none.
 * @SLOTPOOL_ALLOC_EXACT: Take the slot &struct slotpool_alloc_args.slot.
 * @SLOTPOOL_ALLOC_LIMIT: &struct slotpool_alloc_args.limit is the limit; without
 *	the flag it is the image's length, or without an image the slot's size.
 * @SLOTPOOL_ALLOC_COMMIT: &struct slotpool_alloc_args.commit is the commitment;
 *	without the flag it is the limit, or 0 in a pool that overcommits.
 * @SLOTPOOL_ALLOC_KEEP: &struct slotpool_alloc_args.keep bounds a reset; without
 *	the flag the pool's keep_bytes does.
 * @SLOTPOOL_ALLOC_IMAGE: The slot starts as the image
 *	&struct slotpool_alloc_args.image, which is also its affinity; not with KEY.
 *	Without the flag it starts as zeros.
 */
enum slotpool_alloc_flags {
	SLOTPOOL_ALLOC_KEY = 1 << 0,
	SLOTPOOL_ALLOC_EXACT = 1 << 1,
	SLOTPOOL_ALLOC_LIMIT = 1 << 2,
	SLOTPOOL_ALLOC_COMMIT = 1 << 3,
	SLOTPOOL_ALLOC_KEEP = 1 << 4,
	SLOTPOOL_ALLOC_IMAGE = 1 << 5,
};

/**
 * enum slotpool_placement - which kind of slot ALLOC took
 * @SLOTPOOL_PLACED_AFFINE: a warm slot last used with the same affinity
 * @SLOTPOOL_PLACED_RECYCLED: another warm slot
 * @SLOTPOOL_PLACED_COLD: a slot that held nothing
 */
enum slotpool_placement {
	SLOTPOOL_PLACED_AFFINE = 0,
	SLOTPOOL_PLACED_RECYCLED = 1,
	SLOTPOOL_PLACED_COLD = 2,
};

/**
 * enum slotpool_contents - what ALLOC found in the slot
 * @SLOTPOOL_CONTENTS_NEW: The slot held nothing, or was emptied. Its pages are
 *	set up when they are touched.
 * @SLOTPOOL_CONTENTS_KEPT: The slot already had the requested image, or zeros.
 *	It kept the memory that earlier instances wrote.
 *
 * Either way the slot's contents are those of its image when ALLOC returns.
 */
enum slotpool_contents {
	SLOTPOOL_CONTENTS_NEW = 0,
	SLOTPOOL_CONTENTS_KEPT = 1,
};

/**
 * struct slotpool_alloc_args - argument of SLOTPOOL_ALLOC: allocate a slot
 * @size: sizeof(struct slotpool_alloc_args)
 * @flags: enum slotpool_alloc_flags
 * @key: affinity: slots that this client last used with this key come first
 * @limit: bytes of the slot that are accessible, from its start on; a
 *	multiple of the page size
 * @commit: bytes of private pages that the slot is promised: touching that
 *	many cannot fail for lack of pages, except where the image's page must
 *	be read from its file first; a multiple of the page size, not above
 *	the limit
 * @keep: bytes that a reset of this slot overwrites at most; it gives the rest
 *	back; a multiple of the page size
 * @slot: in: the slot to take, with SLOTPOOL_ALLOC_EXACT, else any value;
 *	out: the slot taken
 * @placement: out: enum slotpool_placement
 * @offset: out: where the slot begins in a mapping of the whole pool, in
 *	bytes: @slot * slot_stride
 * @image: a handle of an image, with SLOTPOOL_ALLOC_IMAGE
 * @contents: out: enum slotpool_contents
 *
 * Up to its limit the slot reads as its image. It reads as zeros without an
 * image, and where the image stores nothing.
 *
 * EINVAL	a size is not a multiple of the page size, the limit is above
 *		the slot's size, the commitment is above the limit, the slot is
 *		not one of the pool's, KEY and IMAGE are both set
 * ENOENT	the client has no such image
 * EOPNOTSUPP	a commitment in a pool that overcommits
 * EBUSY	EXACT, and the slot is in use
 * ENOSPC	no slot is free
 * ENOMEM	the reserve cannot cover the commitment, not even with the
 *		memory of all free slots, or the kernel is out of memory
 * EDQUOT	the commitment would take the client above max_client_pages
 */
struct slotpool_alloc_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 key;
	__aligned_u64 limit;
	__aligned_u64 commit;
	__aligned_u64 keep;
	__u32 slot;
	__u32 placement;
	__aligned_u64 offset;
	__u32 image;
	__u32 contents;
};

/**
 * struct slotpool_reset_args - argument of SLOTPOOL_RESET: make a slot new
 * @size: sizeof(struct slotpool_reset_args)
 * @flags: Must be 0.
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @held: out: bytes of memory that the slot still holds
 *
 * Restore the slot's image or zeros, and its limit and commitment: those of its
 * ALLOC, or the lowest that RESIZE has set since. The slot stays allocated.
 * Bytes that the client's own threads write to the slot meanwhile stay in it or
 * are lost.
 *
 * Never fails for a slot that the client owns, and is never interrupted.
 *
 * EINVAL	the slot is not one of the pool's
 * ENOENT	the client doesn't own the slot
 */
struct slotpool_reset_args {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__aligned_u64 held;
};

/**
 * enum slotpool_free_flags - flags of SLOTPOOL_FREE
 * @SLOTPOOL_FREE_DECOMMIT: Give back the slot's memory: it becomes cold.
 * @SLOTPOOL_FREE_IF_OWNED: Succeed, and do nothing, if the client doesn't
 *	own the slot.
 */
enum slotpool_free_flags {
	SLOTPOOL_FREE_DECOMMIT = 1 << 0,
	SLOTPOOL_FREE_IF_OWNED = 1 << 1,
};

/**
 * struct slotpool_free_args - argument of SLOTPOOL_FREE: free a slot
 * @size: sizeof(struct slotpool_free_args)
 * @flags: enum slotpool_free_flags
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @held: out: bytes of memory that the slot still holds
 *
 * Reset the slot's contents and make it warm; it keeps its affinity. The client
 * must not touch the slot any more. Bytes that it writes all the same stay among
 * its own slots.
 *
 * Never fails for a slot that the client owns, and is never interrupted.
 *
 * EINVAL	the slot is not one of the pool's
 * ENOENT	the client doesn't own the slot (never with IF_OWNED)
 */
struct slotpool_free_args {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__aligned_u64 held;
};

/**
 * enum slotpool_resize_flags - flags of SLOTPOOL_RESIZE
 * @SLOTPOOL_RESIZE_GROW_ONLY: Succeed, and change nothing, if the limit is
 *	already as high.
 * @SLOTPOOL_RESIZE_COMMIT: &struct slotpool_resize_args.commit is the commitment;
 *	without the flag it is the new limit, or 0 in a pool that overcommits.
 */
enum slotpool_resize_flags {
	SLOTPOOL_RESIZE_GROW_ONLY = 1 << 0,
	SLOTPOOL_RESIZE_COMMIT = 1 << 1,
};

/**
 * struct slotpool_resize_args - argument of SLOTPOOL_RESIZE: move a slot's limit
 * @size: sizeof(struct slotpool_resize_args)
 * @flags: enum slotpool_resize_flags
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @limit: the new limit in bytes, a multiple of the page size
 * @commit: as in &struct slotpool_alloc_args
 * @old_limit: out: the limit before, in bytes
 *
 * Give back the pages above a lower limit. When the limit rises again, they read
 * as the image, or as zeros.
 *
 * EINVAL	as for SLOTPOOL_ALLOC
 * EOPNOTSUPP	as for SLOTPOOL_ALLOC
 * ENOENT	the client doesn't own the slot
 * ENOMEM	as for SLOTPOOL_ALLOC
 * EDQUOT	as for SLOTPOOL_ALLOC
 */
struct slotpool_resize_args {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__aligned_u64 limit;
	__aligned_u64 commit;
	__aligned_u64 old_limit;
};

/**
 * enum slotpool_purge_flags - flags of SLOTPOOL_PURGE, one at most
 * @SLOTPOOL_PURGE_KEY: Purge the free slots with the affinity
 *	&struct slotpool_purge_args.key.
 * @SLOTPOOL_PURGE_SLOT: Purge the free slot &struct slotpool_purge_args.slot.
 * @SLOTPOOL_PURGE_IMAGE: Purge the free slots with the affinity
 *	&struct slotpool_purge_args.image.
 */
enum slotpool_purge_flags {
	SLOTPOOL_PURGE_KEY = 1 << 0,
	SLOTPOOL_PURGE_SLOT = 1 << 1,
	SLOTPOOL_PURGE_IMAGE = 1 << 2,
};

/**
 * struct slotpool_purge_args - argument of SLOTPOOL_PURGE: give back idle memory
 * @size: sizeof(struct slotpool_purge_args)
 * @flags: enum slotpool_purge_flags; 0 for all free slots that this client was
 *	the last to use
 * @key: an affinity, with SLOTPOOL_PURGE_KEY
 * @slot: a slot, with SLOTPOOL_PURGE_SLOT
 * @purged: out: number of slots that gave back their memory and became cold
 * @image: a handle of an image, with SLOTPOOL_PURGE_IMAGE
 * @__reserved: Must be 0.
 *
 * Slots in use keep their memory.
 *
 * EINVAL	the slot is not one of the pool's; more than one flag
 * ENOENT	PURGE_IMAGE, and the client has no such image
 * ENOENT	PURGE_SLOT, and the slot is not warm, or another client was the
 *		last to use it
 */
struct slotpool_purge_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 key;
	__u32 slot;
	__u32 purged;
	__u32 image;
	__u32 __reserved;
};

/**
 * enum slotpool_list_flags - flags of an entry of SLOTPOOL_LIST
 * @SLOTPOOL_LIST_KEY: the slot has an affinity,
 *	&struct slotpool_list_entry.key
 * @SLOTPOOL_LIST_IMAGE: the slot has an image, &struct slotpool_list_entry.image
 */
enum slotpool_list_flags {
	SLOTPOOL_LIST_KEY = 1 << 0,
	SLOTPOOL_LIST_IMAGE = 1 << 1,
};

/**
 * struct slotpool_list_entry - a slot in the answer to SLOTPOOL_LIST
 * @slot: its index
 * @flags: enum slotpool_list_flags
 * @key: its affinity, 0 without one
 * @limit: its limit in bytes
 * @commit: its commitment in bytes
 * @held: bytes of memory that it holds
 * @image: handle of its image, 0 without one; the handle may have been released
 * @__reserved: 0
 */
struct slotpool_list_entry {
	__u32 slot;
	__u32 flags;
	__aligned_u64 key;
	__aligned_u64 limit;
	__aligned_u64 commit;
	__aligned_u64 held;
	__u32 image;
	__u32 __reserved;
};

/**
 * struct slotpool_list_args - argument of SLOTPOOL_LIST: list the client's slots
 * @size: sizeof(struct slotpool_list_args)
 * @flags: Must be 0.
 * @entries: address of an array of &struct slotpool_list_entry
 * @nr_entries: in: the array's length; out: entries filled in
 * @first: in: the lowest slot to list; out: where to continue, the number of
 *	slots in the pool after the last one
 *
 * List the slots that the client owns in ascending order. Changes nothing and
 * binds nothing.
 *
 * EFAULT	an entry can't be written
 */
struct slotpool_list_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 entries;
	__u32 nr_entries;
	__u32 first;
};

/**
 * struct slotpool_stat_args - argument of SLOTPOOL_STAT: read gauges and counters
 * @size: sizeof(struct slotpool_stat_args)
 * @flags: Must be 0.
 * @used_slots: out: slots that are allocated, or changing state
 * @warm_slots: out: free slots that may hold memory
 * @cold_slots: out: free slots that hold nothing
 * @held_pages: out: private pages of all slots
 * @reserve_free_pages: out: pages of the reserve that no slot holds
 * @committed_pages: out: of these, pages that ALLOC and RESIZE promised
 * @lost_pages: out: pages not used again because something else still referred
 *	to them, or because the hardware reported them bad
 * @affine_allocs: out: ALLOCs that got a slot with their affinity
 * @recycled_allocs: out: ALLOCs that got another warm slot
 * @cold_allocs: out: ALLOCs that got a cold slot
 * @frees: out: FREEs
 * @resets: out: RESETs
 * @reset_pages: out: pages that RESET and FREE overwrote
 * @dropped_pages: out: pages that they gave back instead, above keep or because
 *	the reserve had no others to promise
 * @read_faults: out: page faults that mapped a page for reading
 * @write_faults: out: page faults that made a page private or writable
 * @refused_faults: out: accesses to a guard, beyond a limit, to a slot that the
 *	client doesn't own, or beyond a bound of the pool
 * @evictions: out: warm slots that gave up their memory because another slot or
 *	the system needed it, or because warm slots held too much together
 * @client_pages: out: private and promised pages of this client
 * @warm_pages: out: private pages of warm slots
 * @decay_samples: out: resets that checked which pages had been written
 * @decayed_pages: out: pages that these resets gave back as not written
 * @prepared_pages: out: pages that the first fault of a slot set up before
 *	they were touched, because earlier instances of the image wrote them
 * @images: out: images that exist
 * @image_pages: out: pages that they store in memory; a page that a snapshot
 *	shares with the image it comes from counts for both
 * @image_charged_pages: out: pages that they may store, which
 *	max_pool_image_bytes bounds; more than @image_pages while files are not
 *	read in full
 * @image_reads: out: pages of images read from their files when needed
 * @image_drops: out: pages given back to the system that can be read again,
 *	of images that no slot used
 * @client_images: out: images that this client has a handle of
 * @client_image_pages: out: pages that all existing images made by this client
 *	may store, which max_client_image_bytes bounds
 *
 * The gauges and counters are read one after the other, not in one instant.
 * All but the client's own are those of the whole pool and count from its
 * creation. They are 0, even the number of slots, unless the file was opened by
 * the owner of the device node or with CAP_SYS_ADMIN: they would tell what other
 * clients do. Changes nothing and binds nothing.
 */
struct slotpool_stat_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 used_slots;
	__aligned_u64 warm_slots;
	__aligned_u64 cold_slots;
	__aligned_u64 held_pages;
	__aligned_u64 reserve_free_pages;
	__aligned_u64 committed_pages;
	__aligned_u64 lost_pages;
	__aligned_u64 affine_allocs;
	__aligned_u64 recycled_allocs;
	__aligned_u64 cold_allocs;
	__aligned_u64 frees;
	__aligned_u64 resets;
	__aligned_u64 reset_pages;
	__aligned_u64 dropped_pages;
	__aligned_u64 read_faults;
	__aligned_u64 write_faults;
	__aligned_u64 refused_faults;
	__aligned_u64 evictions;
	__aligned_u64 client_pages;
	__aligned_u64 warm_pages;
	__aligned_u64 decay_samples;
	__aligned_u64 decayed_pages;
	__aligned_u64 prepared_pages;
	__aligned_u64 images;
	__aligned_u64 image_pages;
	__aligned_u64 image_charged_pages;
	__aligned_u64 image_reads;
	__aligned_u64 image_drops;
	__aligned_u64 client_images;
	__aligned_u64 client_image_pages;
};

/* The longest array of ranges that IMAGE accepts */
#define SLOTPOOL_IMAGE_MAX_RANGES 65536

/**
 * enum slotpool_image_flags - flags of SLOTPOOL_IMAGE, exactly one
 * @SLOTPOOL_IMAGE_MEMORY: Copy ranges of the caller's memory, with zeros
 *	between them.
 * @SLOTPOOL_IMAGE_FILE: Take a range of a regular file, with zeros around it.
 *	A memfd sealed with F_SEAL_WRITE and F_SEAL_SHRINK is read page by page
 *	when slots need it, any other file at once.
 * @SLOTPOOL_IMAGE_SLOT: Copy a slot as it stands, up to its limit: a snapshot.
 */
enum slotpool_image_flags {
	SLOTPOOL_IMAGE_MEMORY = 1 << 0,
	SLOTPOOL_IMAGE_FILE = 1 << 1,
	SLOTPOOL_IMAGE_SLOT = 1 << 2,
};

/**
 * struct slotpool_image_range - memory that becomes a part of an image
 * @offset: where the range begins in the slot, in bytes
 * @length: its length in bytes
 * @address: its address in the caller's memory
 */
struct slotpool_image_range {
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 address;
};

/**
 * struct slotpool_image_args - argument of SLOTPOOL_IMAGE: create an image
 * @size: sizeof(struct slotpool_image_args)
 * @flags: enum slotpool_image_flags
 * @length: in: the image's length in bytes, a multiple of the page size and not
 *	above the slot size; with IMAGE_SLOT 0; out: the image's length
 * @ranges: address of an array of &struct slotpool_image_range in any order,
 *	with IMAGE_MEMORY
 * @offset: where the file's range begins in the slot, with IMAGE_FILE
 * @file_offset: where the range begins in the file
 * @file_length: the range's length in bytes
 * @nr_ranges: the array's length
 * @fd: a file open for reading, with IMAGE_FILE
 * @slot: a slot that the client owns, with IMAGE_SLOT
 * @image: out: a handle, valid for this client until RELEASE
 * @stored: out: bytes that the image stores in memory so far; pages of zeros
 *	are not stored
 *
 * An image never changes, and doesn't follow later changes of its source. Its
 * memory is charged to the caller's cgroup. A slot stays as it is when a
 * snapshot of it is taken. Bytes that the client's threads write to it meanwhile
 * may or may not be in the snapshot.
 *
 * EINVAL	not exactly one flag; a field that belongs to another flag is
 *		not zero; the length is not a multiple of the page size or
 *		above the slot size; ranges overlap, wrap around or reach
 *		beyond the length, or are more than SLOTPOOL_IMAGE_MAX_RANGES;
 *		the fd is not that of a regular file that the kernel can read;
 *		the slot is not one of the pool's
 * EFAULT	the array or a range can't be read
 * EBADF	the fd is not open for reading
 * ENODATA	the file ends before its range does
 * EIO		the file can't be read
 * ENOENT	the client doesn't own the slot
 * EFBIG	the image would store more than max_image_bytes
 * EDQUOT	the images that the client made would store more than
 *		max_client_image_bytes; an image exists as long as a handle, a
 *		descriptor or a slot of it does, and PURGE makes idle slots cold
 * ENOSPC	all images would store more than max_pool_image_bytes, or the
 *		pool has no handle left
 * EMFILE	the client has handles of 65536 images
 * ENOMEM	the kernel, or the caller's cgroup, is out of memory
 */
struct slotpool_image_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	__aligned_u64 ranges;
	__aligned_u64 offset;
	__aligned_u64 file_offset;
	__aligned_u64 file_length;
	__u32 nr_ranges;
	__s32 fd;
	__u32 slot;
	__u32 image;
	__aligned_u64 stored;
};

/**
 * struct slotpool_export_args - argument of SLOTPOOL_EXPORT: get a descriptor
 * @size: sizeof(struct slotpool_export_args)
 * @flags: Must be 0.
 * @image: a handle
 * @fd: out: a new file descriptor, close-on-exec
 *
 * Any process that has the descriptor and can open the pool can IMPORT the
 * image. The image exists as long as a handle, a descriptor or a slot of it does.
 *
 * ENOENT	the client has no such image
 * EMFILE	the process has no descriptor left
 * ENFILE	the system has no file left
 * ENOMEM	the kernel is out of memory
 */
struct slotpool_export_args {
	__u32 size;
	__u32 flags;
	__u32 image;
	__s32 fd;
};

/**
 * struct slotpool_import_args - argument of SLOTPOOL_IMPORT: get a handle
 * @size: sizeof(struct slotpool_import_args)
 * @flags: Must be 0.
 * @fd: a descriptor from SLOTPOOL_EXPORT; not needed afterwards
 * @image: out: the handle
 * @length: out: the image's length in bytes
 *
 * A client that already has the image gets the same handle; each IMPORT needs a
 * RELEASE of its own.
 *
 * EBADF	the fd is not open
 * EINVAL	the fd is not that of an image
 * EMFILE	the client has handles of 65536 images
 * ENOMEM	the kernel is out of memory
 */
struct slotpool_import_args {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 image;
	__aligned_u64 length;
};

/**
 * struct slotpool_release_args - argument of SLOTPOOL_RELEASE: release a handle
 * @size: sizeof(struct slotpool_release_args)
 * @flags: Must be 0.
 * @image: the handle
 * @purged: out: slots that became cold
 *
 * Release the handle as often as the client got it. The last RELEASE gives back
 * the memory of the client's free slots of the image. Slots in use keep the image.
 *
 * ENOENT	the client has no such image
 */
struct slotpool_release_args {
	__u32 size;
	__u32 flags;
	__u32 image;
	__u32 purged;
};

/**
 * enum slotpool_seal_flags - flags of SLOTPOOL_SEAL
 * @SLOTPOOL_SEAL_MMAP: Refuse new mappings of the file with EACCES. Existing
 *	mappings stay.
 */
enum slotpool_seal_flags {
	SLOTPOOL_SEAL_MMAP = 1 << 0,
};

/* The bit of &struct slotpool_seal_args.commands that keeps a command */
#define SLOTPOOL_SEAL_KEEP(command) ((__u64)1 << _IOC_NR(command))

/**
 * struct slotpool_seal_args - argument of SLOTPOOL_SEAL: give up commands
 * @size: sizeof(struct slotpool_seal_args)
 * @flags: enum slotpool_seal_flags
 * @commands: in: SLOTPOOL_SEAL_KEEP() of the commands to keep, all others are
 *	sealed off; out: the commands that this file has left
 *
 * A process seals its file when it has set everything up, before it runs code
 * that it doesn't trust: code that takes over the process can use only the
 * commands that were kept. A sealed command fails with EACCES in every process
 * that has the file, as long as the file is open. Calls of other threads that
 * have begun finish as usual. Bits of commands that the kernel doesn't know are
 * ignored. With no flags and all bits set, the call only reports what is left.
 */
struct slotpool_seal_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 commands;
};

#endif /* _UAPI_LINUX_SLOTPOOL_H */
