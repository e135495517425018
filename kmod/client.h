/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_CLIENT_H
#define SLOTPOOL_CLIENT_H

#include <linux/fs.h>
#include <linux/spinlock.h>

#include "handle.h"
#include "pool.h"

/**
 * struct client - an open file of a pool's device
 * @pool: invariant: the pool
 * @slots: what the pool knows of the client
 * @images: the images that it may name
 * @account: invariant: what the images store that it made
 * @inode: invariant: the inode that the client's address space belongs to
 * @users: mappings, and calls that change something and have not returned
 * @lock: protects @mm while @users is 0
 * @mm: the address space of the process that the client is bound to; doesn't
 *	change while there are users. Referenced so that its address isn't used
 *	again, but never looked into.
 */
struct client {
	struct pool *pool;
	struct pool_client slots;
	struct handle_table images;
	struct image_account *account;
	struct inode *inode;
	atomic_t users;
	spinlock_t lock;	/* protects @mm */
	struct mm_struct *mm;
};

int client_open(struct pool *pool, struct file *file);
int client_release(struct inode *inode, struct file *file);
void client_show_fdinfo(struct seq_file *seq, struct file *file);

int client_enter(struct client *client);
void client_get(struct client *client);
void client_leave(struct client *client);

#endif /* SLOTPOOL_CLIENT_H */
