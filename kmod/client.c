// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 11
 *
 * A client: an open file, the process that it is bound to, and its release.
 *
 * A client's page table entries are in one process only. The first process that
 * maps the file or allocates from it is bound to it, until nothing is mapped and
 * nothing allocated any more.
 *
 * Each client has an address_space of its own, that of an inode which no other
 * client uses: mapping_zap() touches the VMAs of that client only.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "client.h"

#define CLIENT_FS_MAGIC 0x736c6f74

static int client_fs_init_context(struct fs_context *context)
{
	return init_pseudo(context, CLIENT_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type client_fs_type = {
	.name = "slotpool",
	.owner = THIS_MODULE,
	.init_fs_context = client_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *client_fs_mount;
static int client_fs_users;

static struct inode *client_inode_create(void)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&client_fs_type, &client_fs_mount, &client_fs_users);
	if (err)
		return ERR_PTR(err);
	inode = alloc_anon_inode(client_fs_mount->mnt_sb);
	if (IS_ERR(inode))
		simple_release_fs(&client_fs_mount, &client_fs_users);
	return inode;
}

static void client_inode_destroy(struct inode *inode)
{
	/* The mount must outlive the inode. */
	iput(inode);
	simple_release_fs(&client_fs_mount, &client_fs_users);
}

/**
 * client_open() - make an open file a client
 * @pool: the pool
 * @file: the file
 *
 * Context: Process context, may sleep.
 * Return: 0, -EUSERS if the pool has as many clients as it may have, or -ENOMEM.
 */
int client_open(struct pool *pool, struct file *file)
{
	struct client *client;
	int err;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return -ENOMEM;
	err = -ENOMEM;
	client->account = image_account_create(pool->max_client_image_pages);
	if (!client->account)
		goto free_client;
	client->inode = client_inode_create();
	if (IS_ERR(client->inode)) {
		err = PTR_ERR(client->inode);
		goto put_account;
	}
	err = pool_client_init(pool, &client->pool_client, client->inode->i_mapping);
	if (err)
		goto destroy_inode;
	client->pool = pool;
	client->may_administer = uid_eq(current_fsuid(), file_inode(file)->i_uid) ||
				 file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	atomic_set(&client->users, 0);
	spin_lock_init(&client->lock);
	handle_table_init(&client->images);

	file->private_data = client;
	file->f_mapping = client->inode->i_mapping;
	return 0;

destroy_inode:
	client_inode_destroy(client->inode);
put_account:
	image_account_put(client->account);
free_client:
	kfree(client);
	return err;
}

/**
 * client_release() - the last reference to the file is gone
 * @inode: the device's inode
 * @file: the file
 *
 * A mapping refers to the file, and so does a call: none is left.
 *
 * Context: Process context, may sleep.
 * Return: 0
 */
int client_release(struct inode *inode, struct file *file)
{
	struct client *client = file->private_data;

	WARN_ON(atomic_read(&client->users));
	pool_client_release(client->pool, &client->pool_client);
	handle_table_destroy(&client->images);
	/* Each image of the client that others still use has a reference of its own. */
	image_account_put(client->account);
	/* The rest of closing the file does not use the mapping. */
	file->f_mapping = inode->i_mapping;
	client_inode_destroy(client->inode);
	if (client->mm)
		mmdrop(client->mm);
	kfree(client);
	return 0;
}

/**
 * client_show_fdinfo() - describe a client in /proc/PID/fdinfo/FD
 * @seq: the file that is read
 * @file: the file
 *
 * Neither RSS nor the OOM killer count pages of slots; this file does.
 *
 * Context: Process context.
 */
void client_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct client *client = file->private_data;
	struct slot_client *slot_client = &client->pool_client.slot_client;

	seq_printf(seq, "slotpool-slots:\t%d\n", atomic_read(&slot_client->nr_owned));
	seq_printf(seq, "slotpool-memory:\t%ld kB\n",
		   charge_read(&slot_client->charge) << (PAGE_SHIFT - 10));
	/* Others may make images meanwhile. */
	seq_printf(seq, "slotpool-images:\t%lu\n", data_race(READ_ONCE(client->images.nr_images)));
	seq_printf(seq, "slotpool-image-memory:\t%ld kB\n",
		   charge_read(&client->account->charge) << (PAGE_SHIFT - 10));
}

/**
 * client_bind() - client_enter() for a caller that may be the first user
 * @client: the client
 *
 * Context: Process context.
 * Return: As client_enter().
 */
int client_bind(struct client *client)
{
	struct mm_struct *old = NULL;
	int err = 0;

	if (!current->mm)
		return -EPERM;

	spin_lock(&client->lock);
	if (client->mm != current->mm) {
		bool bound = atomic_read(&client->users);

		/*
		 * See what the last user allocated before it left: pairs with
		 * the barrier in client_leave(). No user can enter meanwhile:
		 * with none left, each of them takes this lock first.
		 */
		smp_rmb();
		if (bound || atomic_read(&client->pool_client.slot_client.nr_owned)) {
			err = -EPERM;
		} else {
			old = client->mm;
			mmgrab(current->mm);
			WRITE_ONCE(client->mm, current->mm);
			/* A client without users has no mapping. */
			WRITE_ONCE(client->mapped_start, ULONG_MAX);
			WRITE_ONCE(client->mapped_end, 0);
		}
	}
	if (!err) {
		/* A task that sees the user must see the new mm. */
		smp_mb__before_atomic();
		atomic_inc(&client->users);
	}
	spin_unlock(&client->lock);
	if (old)
		mmdrop(old);
	return err;
}

/**
 * client_may_have_mapping() - check the bound of mappings
 * @client: the client
 *
 * Zapping a page of a slot visits all VMAs that map it. Tasks of others do that to take
 * a warm slot, and wait for it.
 *
 * Context: Process context, holding the mmap_lock for writing.
 * Return: true if the client may have one more.
 */
bool client_may_have_mapping(const struct client *client)
{
	return atomic_read(&client->nr_mappings) < client->pool->config.max_client_mappings;
}

/**
 * client_note_mapping() - note where a client has one more mapping
 * @client: the client
 * @vma: the mapping, which is new or has moved
 *
 * Context: Process context, holding the mmap_lock for writing.
 */
void client_note_mapping(struct client *client, const struct vm_area_struct *vma)
{
	atomic_inc(&client->nr_mappings);
	if (vma->vm_start < client->mapped_start)
		WRITE_ONCE(client->mapped_start, vma->vm_start);
	if (vma->vm_end > client->mapped_end)
		WRITE_ONCE(client->mapped_end, vma->vm_end);
}

static bool client_maps_at(struct client *client, unsigned long address)
{
	struct vm_area_struct *vma = vma_lookup(current->mm, address);

	return vma && vma->vm_file && vma->vm_file->f_mapping == client->inode->i_mapping;
}

/**
 * client_maps() - find out whether slots are mapped at some addresses
 * @client: the client, entered
 * @start: the start of a range of addresses, not longer than a page
 * @end: its end
 *
 * Context: Process context, may sleep.
 * Return: true if a mapping of the client overlaps the range.
 */
bool client_maps(struct client *client, unsigned long start, unsigned long end)
{
	bool maps;

	mmap_read_lock(current->mm);
	/* The range lies in two mappings at most. */
	maps = client_maps_at(client, start) || client_maps_at(client, end - 1);
	mmap_read_unlock(current->mm);
	return maps;
}
