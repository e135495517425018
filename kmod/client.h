/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_CLIENT_H
#define SLOTPOOL_CLIENT_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "handle.h"
#include "pool_life.h"

#define CLIENT_SEALED_MMAP BIT_ULL(63)

/**
 * struct client - an open file of a pool's device
 * @pool: invariant: the pool
 * @pool_client: what the pool knows of the client
 * @images: the images that it may name
 * @account: invariant: the account of the images that it made
 * @may_administer: invariant: its opener may see the counters of the whole pool
 * @sealed: what the file can no longer be used for: a bit for each number of a
 *	command, and CLIENT_SEALED_MMAP; bits are only added
 * @inode: invariant: the inode that the client's address space belongs to
 * @users: mappings, and running calls that change something
 * @lock: protects @mm while @users is 0
 * @mm: the address space of the process that the client is bound to; doesn't
 *	change while there are users. The reference keeps its address from being
 *	reused; the structure itself is only accessed by that process.
 * @nr_mappings: VMAs of the client
 * @mapped_start: no mapping of the client in @mm begins below this address
 * @mapped_end: none ends above this one; both only move apart until another process
 *	takes the client over
 */
struct client {
	struct pool *pool;
	struct pool_client pool_client;
	struct handle_table images;
	struct image_account *account;
	bool may_administer;
	atomic64_t sealed;
	struct inode *inode;
	atomic_t users;
	spinlock_t lock;	/* protects @mm */
	struct mm_struct *mm;
	atomic_t nr_mappings;
	unsigned long mapped_start;
	unsigned long mapped_end;
};

int client_open(struct pool *pool, struct file *file);
int client_release(struct inode *inode, struct file *file);
void client_show_fdinfo(struct seq_file *seq, struct file *file);

int client_bind(struct client *client);
bool client_may_have_mapping(const struct client *client);
void client_note_mapping(struct client *client, const struct vm_area_struct *vma);
bool client_maps(struct client *client, unsigned long start, unsigned long end);

/**
 * client_sealed() - whether something has been sealed off
 * @client: the client
 * @what: a bit as in &client.sealed
 *
 * Context: Any.
 */
static inline bool client_sealed(const struct client *client, u64 what)
{
	return atomic64_read(&client->sealed) & what;
}

/**
 * client_get() - count one more user of a client that has users
 * @client: the client
 *
 * Context: Any.
 */
static inline void client_get(struct client *client)
{
	atomic_inc(&client->users);
}

/**
 * client_leave() - undo client_enter() or client_get()
 * @client: the client
 *
 * Context: Any.
 */
static inline void client_leave(struct client *client)
{
	/*
	 * A task that sees the user gone must see what it allocated: pairs
	 * with the barrier in client_bind().
	 */
	smp_mb__before_atomic();
	atomic_dec(&client->users);
}

/**
 * client_enter() - bind a client to the caller's process, for a while at least
 * @client: the client
 *
 * Context: Process context.
 * Return: 0, and client_leave() is due; or -EPERM if the client is bound to
 * another process.
 */
static inline int client_enter(struct client *client)
{
	if (READ_ONCE(client->mm) != current->mm || !atomic_inc_not_zero(&client->users))
		return client_bind(client);
	/* As a user we keep it what it is. */
	if (likely(READ_ONCE(client->mm) == current->mm))
		return 0;
	client_leave(client);
	return -EPERM;
}

/**
 * client_may_map() - rule out cheaply that client_maps()
 * @client: the client, entered
 * @start: the start of a range of addresses
 * @end: its end
 *
 * Context: Any.
 * Return: false if no mapping of the client overlaps the range.
 */
static inline bool client_may_map(const struct client *client, unsigned long start,
				  unsigned long end)
{
	return end > READ_ONCE(client->mapped_start) && start < READ_ONCE(client->mapped_end);
}

#endif /* SLOTPOOL_CLIENT_H */
