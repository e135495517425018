// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 12
 *
 * Mappings of a pool, and the faults in them.
 *
 * Each fault decides whether the address can be accessed; VMAs don't: an access
 * to a guard, to a slot that the client doesn't own, or at or above the slot's
 * limit raises SIGSEGV.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/userfaultfd_k.h>

#include "client.h"
#include "compat.h"
#include "fault.h"
#include "pool_reclaim.h"
#include "slot_fault.h"

/* Return the slot at an offset of the device in pages, or NULL if @client doesn't own it. */
static struct slot *fault_slot(struct client *client, pgoff_t offset, pgoff_t *index)
{
	struct pool *pool = client->pool;
	struct slot *slot;

	*index = offset % pool->stride_pages;
	if (*index >= pool->slot_pages)
		return NULL;
	slot = pool_slot(pool, offset / pool->stride_pages);
	/*
	 * Without the mutex: a non-owner must not wait for the owner. slot_fault()
	 * and slot_access() check again under the mutex.
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
 * The task is being killed. A fault from user mode returns, and the task dies on
 * the way. The kernel would repeat its own access for ever: let that fail.
 */
static vm_fault_t fault_killed(struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE : VM_FAULT_SIGSEGV;
}

/*
 * Return 0 with the slot's mutex held, or the answer to the fault.
 *
 * A reset of a large slot takes long, and other tasks must be able to change
 * mappings meanwhile: drop the lock of the fault while waiting, if that is
 * allowed. It is not in .pfn_mkwrite, whose caller takes VM_FAULT_RETRY for
 * success.
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

	/* Without the lock the VMA may be freed, and with it the file and the pool. */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	if (!mutex_lock_killable(&slot->lock))
		mutex_unlock(&slot->lock);
	fput(file);
	return VM_FAULT_RETRY;
}

struct fault_attempt {
	struct vm_fault *vmf;
	struct client *client;
	struct slot *slot;
	pgoff_t index;
	vm_fault_t result;
};

/* Set the result and return 0, or return an error as pool_make_room() takes it. */
static int fault_try(void *context, struct pool_effort *effort)
{
	struct fault_attempt *attempt = context;
	int err;

	attempt->result = fault_lock(attempt->vmf, attempt->slot);
	if (attempt->result)
		return 0;
	err = slot_fault(attempt->slot, &attempt->client->pool_client.slot_client, attempt->vmf,
			 attempt->index, effort->gfp, &attempt->result);
	mutex_unlock(&attempt->slot->lock);
	return err;
}

/*
 * Handle a missing entry, or a write to a read-only one. Never return 0 for the
 * latter: the core would make the entry that is there writable, and it may map
 * the page that all clients share.
 */
static vm_fault_t fault_answer(struct vm_fault *vmf)
{
	struct client *client = vmf->vma->vm_private_data;
	struct fault_attempt attempt = { .vmf = vmf, .client = client };
	int err;

	/*
	 * Some kernels let userfaultfd write-protect any mapping, by entries that are
	 * neither empty nor present. None can be inserted in their place: the fault
	 * would start over for ever.
	 */
	if (unlikely(userfaultfd_wp(vmf->vma)))
		return VM_FAULT_SIGBUS;
	attempt.slot = fault_slot(client, vmf->pgoff, &attempt.index);
	if (!attempt.slot)
		return fault_refuse(client);

	err = pool_try(client->pool, &client->pool_client, attempt.slot, fault_try, &attempt);
	if (!err)
		return attempt.result;
	if (err == -EINTR)
		return fault_killed(vmf);
	/*
	 * VM_FAULT_OOM makes the fault start over, which is right while the OOM
	 * killer is at work. It would reach a bound of the pool again and again.
	 */
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	return fault_refuse(client);
}

/*
 * Map nothing. Kernels with a lock for each VMA call .fault under that lock, not
 * under the mmap_lock, only if .map_pages is set too.
 */
static vm_fault_t fault_map_pages(struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	return 0;
}

struct fault_access {
	struct client *client;
	struct slot *slot;
	pgoff_t index;
	unsigned int offset;
	void *buffer;
	unsigned int length;
	bool write;
};

static int fault_try_access(void *context, struct pool_effort *effort)
{
	struct fault_access *access = context;
	int err;

	if (mutex_lock_killable(&access->slot->lock))
		return -EINTR;
	err = slot_access(access->slot, &access->client->pool_client.slot_client, access->index,
			  access->offset, access->buffer, access->length, access->write,
			  effort->gfp);
	mutex_unlock(&access->slot->lock);
	return err;
}

/* Serve ptrace() and /proc/PID/mem, which can't pin the pages. */
static int fault_access(struct vm_area_struct *vma, unsigned long address, void *buffer,
			int length, int write)
{
	struct client *client = vma->vm_private_data;
	struct fault_access access = {
		.client = client,
		.offset = offset_in_page(address),
		.buffer = buffer,
		.write = write,
	};
	int err;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	access.slot = fault_slot(client, linear_page_index(vma, address), &access.index);
	if (!access.slot)
		return -EFAULT;
	access.length = min_t(unsigned int, length, PAGE_SIZE - access.offset);

	err = pool_try(client->pool, &client->pool_client, access.slot, fault_try_access, &access);
	return err ? err : access.length;
}

static void fault_open(struct vm_area_struct *vma)
{
	client_get(vma->vm_private_data);
	client_note_mapping(vma->vm_private_data, vma);
}

static void fault_close(struct vm_area_struct *vma)
{
	struct client *client = vma->vm_private_data;

	atomic_dec(&client->nr_mappings);
	client_leave(client);
}

static int fault_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return client_may_have_mapping(vma->vm_private_data) ? 0 : -ENOMEM;
}

static const struct vm_operations_struct fault_vm_ops = {
	.open = fault_open,
	.close = fault_close,
	.may_split = fault_may_split,
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
 * executable or mappings are sealed off, -EPERM if the client is bound to another
 * process, -ENOMEM if it has as many mappings as it may have.
 */
int fault_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct client *client = file->private_data;
	unsigned long nr_pages = client->pool->nr_pages;
	int err;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	/* mmap() clears both if the file is not open for writing. */
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
	if (!client_may_have_mapping(client)) {
		client_leave(client);
		return -ENOMEM;
	}

	/*
	 * VM_IO, because without it MADV_DOFORK would undo VM_DONTCOPY, and
	 * mapping_zap() would not find the entries of a child.
	 */
	vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY,
		     VM_MAYEXEC);
	vma->vm_private_data = client;
	vma->vm_ops = &fault_vm_ops;
	client_note_mapping(client, vma);
	return 0;
}
