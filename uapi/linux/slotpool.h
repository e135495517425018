/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * slotpool - pools of memory slots with affinity
 *
 * Every argument structure starts with its own size. A caller sets it to the
 * size it was compiled with; a shorter one than the kernel's reads as if its
 * missing tail were zero, a longer one is accepted as long as the part that
 * the kernel doesn't know is zero. All fields have the same offset and size
 * for 32-bit and 64-bit callers.
 *
 * Errors that every command can return:
 *
 * ENOTTY	the command is not one of this file's
 * EFAULT	the argument structure is not readable and writable
 * EINVAL	size is smaller than the first version of the structure, a flag
 *		is unknown, a reserved field is not zero, or a field is not
 *		zero although the flag that makes it count is not set
 * E2BIG	size is larger than the kernel's and the tail is not zero, or size
 *		is larger than a page
 *
 * and every command that changes something (all but INFO, LIST and STAT):
 *
 * EPERM	the open file is bound to the address space of another process
 *
 * An argument structure must not lie in the slot that it names: results are
 * written to it when the command is done.
 *
 * A command that fails has changed nothing, except that idle slots may have
 * given memory up in the attempt to find enough. What a field holds before the
 * call doesn't matter if the field is marked "out" and not "in".
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

/**
 * enum slotpool_feature - bits of &struct slotpool_info.features
 * @SLOTPOOL_FEATURE_OVERCOMMIT: The pool takes pages beyond its reserve from
 *	the system, charged to the process that touches them. Without it every
 *	page comes from the reserve, and ALLOC and RESIZE commit to them.
 */
enum slotpool_feature {
	SLOTPOOL_FEATURE_OVERCOMMIT = 1 << 0,
};

/**
 * struct slotpool_info - argument of SLOTPOOL_INFO: what the pool is like
 * @size: sizeof(struct slotpool_info)
 * @flags: Must be 0.
 * @features: out: bits of enum slotpool_feature
 * @slot_size: out: bytes of a slot that can be made accessible
 * @slot_stride: out: bytes between the starts of two slots in a mapping; slot
 *	i begins at offset i * @slot_stride of the device
 * @keep_bytes: out: bytes that a reset overwrites at most unless ALLOC says
 *	otherwise
 * @max_unused_warm_slots: out: warm slots from which on they are recycled
 *	before cold slots are taken
 * @reserve_pages: out: pages set aside for the pool
 * @max_client_pages: out: pages that the slots of one client may hold, 0 for
 *	no bound
 * @nr_slots: out: slots in the pool
 * @nr_shards: out: parts of the pool to which the placement rule applies
 *	separately
 * @page_size: out: granularity of limits and commitments in bytes
 * @__reserved: Must be 0.
 *
 * Changes nothing and binds nothing.
 */
struct slotpool_info {
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
};

/**
 * enum slotpool_alloc_flags - flags of SLOTPOOL_ALLOC
 * @SLOTPOOL_ALLOC_KEY: &struct slotpool_alloc.key is the affinity; without
 *	the flag the slot gets none.
 * @SLOTPOOL_ALLOC_EXACT: Take the slot &struct slotpool_alloc.slot.
 * @SLOTPOOL_ALLOC_LIMIT: &struct slotpool_alloc.limit counts; without the
 *	flag the limit is the slot's size.
 * @SLOTPOOL_ALLOC_COMMIT: &struct slotpool_alloc.commit counts; without the
 *	flag the commitment is the limit, or nothing in a pool that
 *	overcommits.
 * @SLOTPOOL_ALLOC_KEEP: &struct slotpool_alloc.keep counts; without the flag
 *	it is the pool's keep_bytes.
 */
enum slotpool_alloc_flags {
	SLOTPOOL_ALLOC_KEY = 1 << 0,
	SLOTPOOL_ALLOC_EXACT = 1 << 1,
	SLOTPOOL_ALLOC_LIMIT = 1 << 2,
	SLOTPOOL_ALLOC_COMMIT = 1 << 3,
	SLOTPOOL_ALLOC_KEEP = 1 << 4,
};

/**
 * enum slotpool_placement - how ALLOC came by a slot
 * @SLOTPOOL_PLACED_AFFINE: free, and used last with the same affinity
 * @SLOTPOOL_PLACED_RECYCLED: free, and used before for something else
 * @SLOTPOOL_PLACED_COLD: free and holding nothing
 */
enum slotpool_placement {
	SLOTPOOL_PLACED_AFFINE = 0,
	SLOTPOOL_PLACED_RECYCLED = 1,
	SLOTPOOL_PLACED_COLD = 2,
};

/**
 * struct slotpool_alloc - argument of SLOTPOOL_ALLOC: take a slot
 * @size: sizeof(struct slotpool_alloc)
 * @flags: enum slotpool_alloc_flags
 * @key: affinity: slots that this client used last with this key come first
 * @limit: bytes of the slot that are accessible, from its start on; a
 *	multiple of the page size
 * @commit: bytes of private pages that the slot is promised: touching that
 *	many cannot fail for want of pages; a multiple of the page size, not above the limit
 * @keep: bytes that a reset of this slot overwrites at most; pages beyond are
 *	given back; a multiple of the page size
 * @slot: in: the slot to take, with SLOTPOOL_ALLOC_EXACT, else any value;
 *	out: the slot taken
 * @placement: out: enum slotpool_placement
 * @offset: out: where the slot begins in a mapping of the whole pool, in
 *	bytes: @slot * slot_stride
 *
 * The slot reads as zeros up to its limit.
 *
 * EINVAL	a size is not a multiple of the page size, the limit is above
 *		the slot's size, the commitment is above the limit, the slot is
 *		not one of the pool's
 * EOPNOTSUPP	a commitment in a pool that overcommits
 * EBUSY	EXACT, and the slot is in use
 * ENOSPC	no slot is free
 * ENOMEM	the reserve cannot cover the commitment, not even with the
 *		memory of all free slots, or the kernel is out of memory
 * EDQUOT	the commitment would take the client above max_client_pages
 */
struct slotpool_alloc {
	__u32 size;
	__u32 flags;
	__aligned_u64 key;
	__aligned_u64 limit;
	__aligned_u64 commit;
	__aligned_u64 keep;
	__u32 slot;
	__u32 placement;
	__aligned_u64 offset;
};

/**
 * struct slotpool_reset - argument of SLOTPOOL_RESET: make a slot new again
 * @size: sizeof(struct slotpool_reset)
 * @flags: Must be 0.
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @held: out: bytes of memory that the slot still holds
 *
 * The slot reads as zeros again, and its limit and commitment are those of
 * its ALLOC, or the lowest that RESIZE has set since. It stays allocated. What
 * the client's own threads write to the slot meanwhile stays in the slot or is
 * lost.
 *
 * Never fails for a slot that the client owns, and is never interrupted.
 *
 * EINVAL	the slot is not one of the pool's
 * ENOENT	the client doesn't own the slot
 */
struct slotpool_reset {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__aligned_u64 held;
};

/**
 * enum slotpool_free_flags - flags of SLOTPOOL_FREE
 * @SLOTPOOL_FREE_DECOMMIT: Give the slot's memory back: it becomes cold.
 * @SLOTPOOL_FREE_IF_OWNED: Succeed, and do nothing, if the client doesn't
 *	own the slot.
 */
enum slotpool_free_flags {
	SLOTPOOL_FREE_DECOMMIT = 1 << 0,
	SLOTPOOL_FREE_IF_OWNED = 1 << 1,
};

/**
 * struct slotpool_free - argument of SLOTPOOL_FREE: give a slot back
 * @size: sizeof(struct slotpool_free)
 * @flags: enum slotpool_free_flags
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @held: out: bytes of memory that the slot still holds
 *
 * The slot's contents are reset, it becomes warm, and it keeps its affinity.
 * The client must not touch it any more; what it writes all the same stays
 * among its own slots.
 *
 * Never fails for a slot that the client owns, and is never interrupted.
 *
 * EINVAL	the slot is not one of the pool's
 * ENOENT	the client doesn't own the slot (never with IF_OWNED)
 */
struct slotpool_free {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__aligned_u64 held;
};

/**
 * enum slotpool_resize_flags - flags of SLOTPOOL_RESIZE
 * @SLOTPOOL_RESIZE_GROW_ONLY: Change nothing, and succeed, if the limit is as
 *	large already.
 * @SLOTPOOL_RESIZE_COMMIT: &struct slotpool_resize.commit counts; without the
 *	flag the commitment is the new limit, or nothing in a pool that
 *	overcommits.
 */
enum slotpool_resize_flags {
	SLOTPOOL_RESIZE_GROW_ONLY = 1 << 0,
	SLOTPOOL_RESIZE_COMMIT = 1 << 1,
};

/**
 * struct slotpool_resize - argument of SLOTPOOL_RESIZE: move a slot's limit
 * @size: sizeof(struct slotpool_resize)
 * @flags: enum slotpool_resize_flags
 * @slot: a slot that the client owns
 * @__reserved: Must be 0.
 * @limit: the new limit in bytes, a multiple of the page size
 * @commit: as in &struct slotpool_alloc
 * @old_limit: out: the limit before, in bytes
 *
 * Pages above a lower limit are given back: they read as zeros when the limit
 * is raised again.
 *
 * EINVAL	as for SLOTPOOL_ALLOC
 * EOPNOTSUPP	as for SLOTPOOL_ALLOC
 * ENOENT	the client doesn't own the slot
 * ENOMEM	as for SLOTPOOL_ALLOC
 * EDQUOT	as for SLOTPOOL_ALLOC
 */
struct slotpool_resize {
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
 * @SLOTPOOL_PURGE_KEY: the free slots with the affinity
 *	&struct slotpool_purge.key
 * @SLOTPOOL_PURGE_SLOT: the free slot &struct slotpool_purge.slot
 */
enum slotpool_purge_flags {
	SLOTPOOL_PURGE_KEY = 1 << 0,
	SLOTPOOL_PURGE_SLOT = 1 << 1,
};

/**
 * struct slotpool_purge - argument of SLOTPOOL_PURGE: give idle memory back
 * @size: sizeof(struct slotpool_purge)
 * @flags: enum slotpool_purge_flags; 0 for all free slots that this client
 *	used last
 * @key: an affinity, with SLOTPOOL_PURGE_KEY
 * @slot: a slot, with SLOTPOOL_PURGE_SLOT
 * @purged: out: slots whose memory was given back; they are cold now
 *
 * Slots in use are not touched.
 *
 * EINVAL	the slot is not one of the pool's; more than one flag
 * ENOENT	PURGE_SLOT, and the slot is not warm or was last used by another
 *		client
 */
struct slotpool_purge {
	__u32 size;
	__u32 flags;
	__aligned_u64 key;
	__u32 slot;
	__u32 purged;
};

/**
 * enum slotpool_list_flags - flags of an entry of SLOTPOOL_LIST
 * @SLOTPOOL_LIST_KEY: the slot has an affinity,
 *	&struct slotpool_list_entry.key
 */
enum slotpool_list_flags {
	SLOTPOOL_LIST_KEY = 1 << 0,
};

/**
 * struct slotpool_list_entry - what SLOTPOOL_LIST tells of one slot
 * @slot: its index
 * @flags: enum slotpool_list_flags
 * @key: its affinity, 0 without one
 * @limit: its limit in bytes
 * @commit: its commitment in bytes
 * @held: bytes of memory that it holds
 */
struct slotpool_list_entry {
	__u32 slot;
	__u32 flags;
	__aligned_u64 key;
	__aligned_u64 limit;
	__aligned_u64 commit;
	__aligned_u64 held;
};

/**
 * struct slotpool_list - argument of SLOTPOOL_LIST: what this client owns
 * @size: sizeof(struct slotpool_list)
 * @flags: Must be 0.
 * @entries: address of an array of &struct slotpool_list_entry
 * @nr_entries: in: the array's length; out: entries filled in
 * @first: in: the lowest slot to tell of; out: where to go on, the number of
 *	slots in the pool when there is nothing more
 *
 * Slots come in ascending order. Changes nothing and binds nothing.
 *
 * EFAULT	an entry can't be written
 */
struct slotpool_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 entries;
	__u32 nr_entries;
	__u32 first;
};

/**
 * struct slotpool_stat - argument of SLOTPOOL_STAT: what the pool did and holds
 * @size: sizeof(struct slotpool_stat)
 * @flags: Must be 0.
 * @used_slots: out: slots that are allocated, or on their way between states
 * @warm_slots: out: free slots that may hold memory
 * @cold_slots: out: free slots that hold nothing
 * @held_pages: out: private pages of all slots
 * @reserve_free_pages: out: pages of the reserve that no slot holds
 * @committed_pages: out: of these, pages that ALLOC and RESIZE promised
 * @lost_pages: out: pages not reused because something else still referred
 *	to them, or because the hardware reported them bad
 * @affine_allocs: out: ALLOCs that got a slot with their affinity
 * @recycled_allocs: out: ALLOCs that got another warm slot
 * @cold_allocs: out: ALLOCs that got a cold slot
 * @frees: out: slots given back by FREE
 * @resets: out: RESETs
 * @reset_pages: out: pages that RESET and FREE made new by overwriting them
 * @dropped_pages: out: pages that they gave back instead, above keep or for
 *	want of others to promise
 * @read_faults: out: page faults that mapped something to be read
 * @write_faults: out: page faults that made a page private or writable
 * @refused_faults: out: accesses to a guard, beyond a limit, or to a slot of
 *	somebody else
 * @evictions: out: warm slots that gave their memory up because somebody
 *	else needed it
 * @client_pages: out: private and promised pages of this client
 *
 * The gauges and counters are read one after the other, not in one instant;
 * all but @client_pages are the whole pool's and count from its creation.
 * Changes nothing and binds nothing.
 */
struct slotpool_stat {
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
};

#endif /* _UAPI_LINUX_SLOTPOOL_H */
