/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel that kmod/ioctl.c needs to be compiled in user space. The
 * kernel's headers that it includes are empty files (see Makefile).
 *
 * User memory is a few pages that can be missing or read-only. Their addresses are
 * not mapped in the program itself: any access other than through the functions
 * below crashes.
 */
#ifndef UNIT_KERNEL_H
#define UNIT_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef unsigned int gfp_t, vm_fault_t, xa_mark_t;
typedef unsigned long pgoff_t;
typedef struct {
	int value;
} atomic_t, refcount_t, spinlock_t, wait_queue_head_t;
typedef struct {
	long value;
} atomic_long_t, atomic64_t;

struct address_space;
struct inode;
struct seq_file;
struct vm_area_struct;
struct vm_fault;
struct ida {
	int unused;
};

struct list_head {
	struct list_head *next, *prev;
};

struct mm_struct {
	int unused;
};

struct mutex {
	int unused;
};

struct page {
	unsigned long private;
};

struct task_struct {
	struct mm_struct *mm;
};

struct xarray {
	int unused;
};

struct file {
	void *private_data;
	int nr_references;
};

#define __user
#define __percpu
#define ____cacheline_aligned_in_smp
#define noinline __attribute__((noinline))
#define likely(condition) (condition)
#define unlikely(condition) (condition)

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_ALIGNED(value) ((value) % PAGE_SIZE == 0)
#define U64_MAX UINT64_MAX
#define BIT(nr) (1UL << (nr))
#define BIT_ULL(nr) (1ULL << (nr))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BUILD_BUG_ON(condition) static_assert(!(condition), #condition)
#define min(a, b) ((a) < (b) ? (a) : (b))
#define O_CLOEXEC 02000000

#define GFP_KERNEL 1
#define GFP_KERNEL_ACCOUNT 2
#define __GFP_RETRY_MAYFAIL 4
#define __GFP_NOWARN 8
#define __GFP_NORETRY 16

#define READ_ONCE(value) (*(volatile __typeof__(value) *)&(value))
#define data_race(value) (value)
#define smp_load_acquire(pointer) (*(pointer))
#define smp_mb__before_atomic() ((void)0)
#define atomic_inc(counter) ((counter)->value++)
#define atomic_dec(counter) ((counter)->value--)
#define atomic_inc_not_zero(counter) ((counter)->value ? ++(counter)->value : 0)
#define atomic64_read(counter) ((u64)(counter)->value)
#define atomic64_or(bits, counter) ((counter)->value |= (bits))
#define atomic_long_read(counter) ((counter)->value)
#define atomic_long_set(counter, count) ((counter)->value = (count))
#define atomic_long_sub(count, counter) ((counter)->value -= (count))
#define atomic_long_try_cmpxchg(counter, old, new)  \
	((counter)->value == *(old) ?               \
		 ((counter)->value = (new), true) : \
		 (*(old) = (counter)->value, false))

#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define per_cpu_ptr(pointer, cpu) (pointer)
#define this_cpu_add(counter, count) ((counter) += (count))
#define page_private(page) ((page)->private)
#define XA_PRESENT 0
#define XA_MARK_0 0

void *xa_find(struct xarray *array, unsigned long *index, unsigned long max, xa_mark_t mark);

/* The calling task */
extern struct task_struct *current;

struct file *fget(unsigned int fd);
void fput(struct file *file);
int get_unused_fd_flags(unsigned int flags);
void put_unused_fd(unsigned int fd);
void fd_install(unsigned int fd, struct file *file);
void *kvmalloc_array(size_t nr, size_t size, gfp_t gfp);

static inline void kvfree(void *memory)
{
	free(memory);
}

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static inline bool IS_ERR(const void *pointer)
{
	return (unsigned long)pointer >= -4095UL;
}

static inline u32 array_index_nospec(u32 index, u32 size)
{
	return index < size ? index : 0;
}

static inline void sort(void *base, size_t nr, size_t size,
			int (*compare)(const void *a, const void *b), void *swap)
{
	(void)swap;
	if (nr)
		qsort(base, nr, size, compare);
}

#define USER_START 0x10000UL
#define USER_PAGES 4
#define USER_SIZE (USER_PAGES * PAGE_SIZE)
/* Addresses above belong to the kernel. */
#define USER_END (1UL << 47)

/* @open: accessors that don't check addresses may run */
extern struct user_memory {
	unsigned char bytes[USER_SIZE];
	bool missing[USER_PAGES], read_only[USER_PAGES];
	bool open;
} user_memory;

/* Return the bytes of user memory, or NULL if any of them can't be accessed. */
static inline unsigned char *user_at(u64 address, u64 size, bool write)
{
	u64 offset = address - USER_START;
	u64 page;

	if (offset >= USER_SIZE || !size || size > USER_SIZE - offset)
		return NULL;
	for (page = offset / PAGE_SIZE; page <= (offset + size - 1) / PAGE_SIZE; page++) {
		if (user_memory.missing[page] || (write && user_memory.read_only[page]))
			return NULL;
	}
	return user_memory.bytes + offset;
}

static inline void *u64_to_user_ptr(u64 address)
{
	return (void *)address;
}

static inline bool user_access_begin(const void *address, size_t size)
{
	assert(!user_memory.open);
	user_memory.open = (u64)address <= USER_END - size;
	return user_memory.open;
}

#define user_write_access_begin user_access_begin
#define user_write_access_end user_access_end

static inline void user_access_end(void)
{
	assert(user_memory.open);
	user_memory.open = false;
}

static inline void cond_resched(void)
{
	assert(!user_memory.open);
}

#define unsafe_get_user(value, address, label)                                     \
	do {                                                                       \
		const void *_from = user_at((u64)(address), sizeof(value), false); \
		assert(user_memory.open);                                          \
		if (!_from)                                                        \
			goto label;                                                \
		memcpy(&(value), _from, sizeof(value));                            \
	} while (0)

#define unsafe_put_user(value, address, label)                            \
	do {                                                              \
		void *_to = user_at((u64)(address), sizeof(value), true); \
		assert(user_memory.open);                                 \
		if (!_to)                                                 \
			goto label;                                       \
		memcpy(_to, &(value), sizeof(value));                     \
	} while (0)

static inline unsigned long copy_from_user(void *to, const void *address, size_t size)
{
	const void *from = user_at((u64)address, size, false);

	cond_resched();
	if (!from)
		return size;
	memcpy(to, from, size);
	return 0;
}

static inline unsigned long copy_to_user(void *address, const void *from, size_t size)
{
	void *to = user_at((u64)address, size, true);

	cond_resched();
	if (!to)
		return size;
	memcpy(to, from, size);
	return 0;
}

#define get_user(value, address) \
	(copy_from_user(&(value), (address), sizeof(value)) ? -EFAULT : 0)

static inline int check_zeroed_user(const void *address, size_t size)
{
	const unsigned char *bytes = user_at((u64)address, size, false);
	size_t i;

	if (!size)
		return 1;
	if (!bytes)
		return -EFAULT;
	for (i = 0; i < size; i++) {
		if (bytes[i])
			return 0;
	}
	return 1;
}

#endif /* UNIT_KERNEL_H */
