// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a mapping is, and what an access through it means.
 *
 * Which addresses can be used is decided here, fault by fault, not by VMAs:
 * an access to a guard, to a slot that the client doesn't own, or at or above
 * the slot's limit raises SIGSEGV.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "client.h"
#include "compat.h"
#include "fault.h"

/* Returns the slot at an offset of the device in pages, or NULL. */
static struct slot *fault_slot(struct client *client, pgoff_t offset, pgoff_t *index)
{
	struct pool *pool = client->pool;
	struct slot *slot;

	*index = offset % pool->stride_pages;
	if (*index >= pool->slot_pages)
		return NULL;
	slot = pool_slot(pool, offset / pool->stride_pages);
	/*
	 * Without the mutex: an access to somebody else's slot must not wait
	 * for them. Who is let through is looked at again under the mutex.
	 */
	if (!slot || READ_ONCE(slot->owner) != &client->pool_client.slot_client)
		return NULL;
	return slot;
}

static vm_fault_t fault_refuse(struct client *client)
{
	stats_add(client->pool->memory.stats, STATS_REFUSED_FAULTS, 1);
	return VM_FAULT_SIGSEGV;
}

/*
 * The task is being killed. In user mode it dies on the way back to the access;
 * an access by the kernel itself would be tried again for ever, and has to fail.
 */
static vm_fault_t fault_killed(struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE : VM_FAULT_SIGSEGV;
}

/*
 * Returns 0 with the mutex held, or what the fault shall return.
 *
 * A reset of a large slot takes long. Others must be able to change mappings
 * meanwhile, so the lock that the fault came with is dropped if it may be. It
 * may not in .pfn_mkwrite: its caller takes VM_FAULT_RETRY for success.
 */
static vm_fault_t fault_lock(struct vm_fault *vmf, struct slot *slot)
{
	struct file *file;

	if (mutex_trylock(&slot->lock))
		return 0;
	if (vmf->flags & FAULT_FLAG_MKWRITE || !fault_flag_allow_retry_first(vmf->flags))
		return mutex_lock_killable(&slot->lock) ? fault_killed(vmf) : 0;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* Without the lock the VMA may go, and with it the file and the pool. */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	if (!mutex_lock_killable(&slot->lock))
		mutex_unlock(&slot->lock);
	fput(file);
	return VM_FAULT_RETRY;
}

/*
 * For an entry that is missing, and for a write to one that is read-only. Never
 * answers 0 to the latter: the core would make whatever entry is there
 * writable, and that may be that of a page which all share.
 */
static vm_fault_t fault_answer(struct vm_fault *vmf)
{
	struct client *client = vmf->vma->vm_private_data;
	struct slot *slot;
	struct pool_effort effort = POOL_FIRST_EFFORT;
	vm_fault_t result;
	pgoff_t index;
	int err;

	slot = fault_slot(client, vmf->pgoff, &index);
	if (!slot)
		return fault_refuse(client);

	do {
		result = fault_lock(vmf, slot);
		if (result)
			return result;
		err = slot_fault(slot, &client->pool_client.slot_client, vmf, index, effort.gfp, &result);
		mutex_unlock(&slot->lock);
		if (!err)
			return result;
	} while (pool_make_room(client->pool, &client->pool_client, &err, &effort));

	if (err == -EINTR)
		return fault_killed(vmf);
	/*
	 * VM_FAULT_OOM makes the fault start over, which is right where the
	 * OOM killer is at work. A bound of the pool would be hit again.
	 */
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	return fault_refuse(client);
}

/*
 * Maps nothing. That it is there lets kernels with a lock for each VMA call
 * .fault under that lock rather than under the mmap_lock.
 */
static vm_fault_t fault_map_pages(struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	return 0;
}

/* For ptrace() and /proc/PID/mem, which can't get at the pages otherwise. */
static int fault_access(struct vm_area_struct *vma, unsigned long address, void *buffer,
			int length, int write)
{
	struct client *client = vma->vm_private_data;
	unsigned int offset = offset_in_page(address);
	struct pool_effort effort = POOL_FIRST_EFFORT;
	struct slot *slot;
	pgoff_t index;
	int err;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	slot = fault_slot(client, linear_page_index(vma, address), &index);
	if (!slot)
		return -EFAULT;
	length = min_t(unsigned int, length, PAGE_SIZE - offset);

	do {
		if (mutex_lock_killable(&slot->lock))
			return -EINTR;
		err = slot_access(slot, &client->pool_client.slot_client, index, offset, buffer, length,
				  write, effort.gfp);
		mutex_unlock(&slot->lock);
	} while (err && pool_make_room(client->pool, &client->pool_client, &err, &effort));
	return err ? err : length;
}

static void fault_open(struct vm_area_struct *vma)
{
	client_get(vma->vm_private_data);
}

static void fault_close(struct vm_area_struct *vma)
{
	client_leave(vma->vm_private_data);
}

static const struct vm_operations_struct fault_vm_ops = {
	.open = fault_open,
	.close = fault_close,
	.fault = fault_answer,
	.map_pages = fault_map_pages,
	.pfn_mkwrite = fault_answer,
	.access = fault_access,
};

/**
 * fault_mmap() - map a range of the pool
 * @file: an open file of the device
 * @vma: the VMA
 *
 * Context: Process context, holding the mmap_lock for writing.
 * Return: 0; -EINVAL if the mapping is private or reaches beyond the pool,
 * -EACCES if the file is not open for reading and writing, the mapping is
 * executable or mappings are sealed off, -EPERM if the client is bound to another process.
 */
int fault_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct client *client = file->private_data;
	unsigned long nr_pages = client->pool->nr_pages;
	int err;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	/* mmap() takes both from a mapping of a file that is not writable. */
	if (!(vma->vm_flags & VM_SHARED) || !(vma->vm_flags & VM_MAYWRITE))
		return -EACCES;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if (client_sealed(client, CLIENT_SEALED_MMAP))
		return -EACCES;
	if (vma->vm_pgoff > nr_pages || vma_pages(vma) > nr_pages - vma->vm_pgoff)
		return -EINVAL;

	/* A mapping is a user of the client until fault_close(). */
	err = client_enter(client);
	if (err)
		return err;

	/*
	 * VM_IO, because without it MADV_DOFORK would undo VM_DONTCOPY, and a
	 * child would have entries that nobody finds when they must go.
	 */
	vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY,
		     VM_MAYEXEC);
	vma->vm_private_data = client;
	vma->vm_ops = &fault_vm_ops;
	return 0;
}
