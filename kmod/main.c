// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 13
 *
 * Loading and unloading, parameters, and the device of the pool.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "client.h"
#include "device.h"
#include "fault.h"
#include "ioctl.h"
#include "pool_life.h"
#include "shrinker.h"
#include "sysfs.h"

static struct pool_config main_config = {
	.nr_slots = 1000,
	.slot_size = SZ_4M,
	.keep_bytes = SZ_1M,
	.max_unused_warm_slots = 100,
	.max_unused_warm_bytes = U64_MAX,
	.reserve_pages = 4096,
	.max_decay_samples = 1000,
	.max_clients = 1024,
	.overcommit = true,
};

/* A number of bytes, with an optional suffix K, M, G or T. */
static int main_set_size(const char *value, const struct kernel_param *param)
{
	static const char suffixes[] = "KMGT";
	size_t digits = strspn(value, "0123456789");
	unsigned int shift = 0;
	char number[24];
	u64 size;
	int err;

	/* memparse() wraps around where a number is too large. */
	if (digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, value, digits);
	number[digits] = '\0';
	err = kstrtou64(number, 10, &size);
	if (err)
		return -EINVAL;

	value += digits;
	if (*value && strchr(suffixes, toupper(*value))) {
		shift = 10 * (strchr(suffixes, toupper(*value)) - suffixes + 1);
		value++;
	}
	if (*value == '\n')
		value++;
	if (*value || check_shl_overflow(size, shift, &size))
		return -EINVAL;
	*(u64 *)param->arg = size;
	return 0;
}

static int main_get_size(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%llu\n", *(u64 *)param->arg);
}

static const struct kernel_param_ops main_size_ops = {
	.set = main_set_size,
	.get = main_get_size,
};

module_param_named(nr_slots, main_config.nr_slots, uint, 0444);
MODULE_PARM_DESC(nr_slots, "Slots in the pool (default 1000)");
module_param_cb(slot_size, &main_size_ops, &main_config.slot_size, 0444);
MODULE_PARM_DESC(slot_size, "Bytes of a slot that can be used, K/M/G/T (default 4M)");
module_param_cb(slot_stride, &main_size_ops, &main_config.slot_stride, 0444);
MODULE_PARM_DESC(slot_stride, "Bytes from slot to slot, K/M/G/T (default 2 * slot_size)");
module_param_named(max_unused_warm_slots, main_config.max_unused_warm_slots, ullong, 0444);
MODULE_PARM_DESC(max_unused_warm_slots,
		 "Warm slots from which on no cold ones are taken (default 100)");
module_param_named(nr_shards, main_config.nr_shards, uint, 0444);
MODULE_PARM_DESC(nr_shards, "Parts with a placement rule of their own (default by CPUs)");
module_param_named(reserve_pages, main_config.reserve_pages, ulong, 0444);
MODULE_PARM_DESC(reserve_pages, "Pages set aside for the pool (default 4096)");
module_param_named(overcommit, main_config.overcommit, bool, 0444);
MODULE_PARM_DESC(overcommit, "Take pages of the system beyond the reserve (default Y)");
module_param_cb(keep_bytes, &main_size_ops, &main_config.keep_bytes, 0444);
MODULE_PARM_DESC(keep_bytes, "Bytes that a reset overwrites at most, K/M/G/T (default 1M)");
module_param_cb(max_unused_warm_bytes, &main_size_ops, &main_config.max_unused_warm_bytes, 0444);
MODULE_PARM_DESC(max_unused_warm_bytes,
		 "Bytes that warm slots may hold together, K/M/G/T (default no bound)");
module_param_cb(max_image_bytes, &main_size_ops, &main_config.max_image_bytes, 0444);
MODULE_PARM_DESC(max_image_bytes,
		 "Bytes that an image may store, K/M/G/T (default 0, slot_size)");
module_param_cb(max_client_image_bytes, &main_size_ops, &main_config.max_client_image_bytes, 0444);
MODULE_PARM_DESC(max_client_image_bytes,
		 "Bytes that a client's images may store, K/M/G/T (default 0, an eighth of the pool's)");
module_param_cb(max_pool_image_bytes, &main_size_ops, &main_config.max_pool_image_bytes, 0444);
MODULE_PARM_DESC(max_pool_image_bytes,
		 "Bytes that all images may store, K/M/G/T (default 0, a quarter of RAM)");
module_param_named(max_decay_samples, main_config.max_decay_samples, uint, 0444);
MODULE_PARM_DESC(max_decay_samples,
		 "Resets a second that look which pages were written (default 1000, 0 none)");
module_param_named(strict, main_config.strict, bool, 0444);
MODULE_PARM_DESC(strict, "Unmap slots when they are freed (default N)");
module_param_named(max_client_pages, main_config.max_client_pages, ulong, 0444);
MODULE_PARM_DESC(max_client_pages, "Pages that a client's slots may hold (default 0, no bound)");

module_param_named(max_clients, main_config.max_clients, uint, 0444);
MODULE_PARM_DESC(max_clients, "Open files of the device at a time (default 1024)");
module_param_named(max_client_mappings, main_config.max_client_mappings, uint, 0444);
MODULE_PARM_DESC(max_client_mappings,
		 "Mappings that a client may have (default 0, 4 * nr_slots or 1024)");

static int main_open(struct inode *inode, struct file *file)
{
	/* The misc core has stored its device there. */
	struct miscdevice *misc = file->private_data;

	return client_open(container_of(misc, struct pool_device, misc)->pool, file);
}

static const struct file_operations main_fops = {
	.owner = THIS_MODULE,
	.open = main_open,
	.release = client_release,
	.unlocked_ioctl = ioctl_run,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = fault_mmap,
	.show_fdinfo = client_show_fdinfo,
};

static struct pool_device main_device = {
	.misc = {
		.minor = MISC_DYNAMIC_MINOR,
		.name = "slotpool0",
		.fops = &main_fops,
		.groups = sysfs_groups,
		.mode = 0660,
	},
};

static struct shrinker *main_shrinker;

static int __init main_init(void)
{
	int err;

	main_device.pool = pool_create(&main_config);
	if (IS_ERR(main_device.pool))
		return PTR_ERR(main_device.pool);
	err = -ENOMEM;
	main_shrinker = shrinker_create(main_device.pool);
	if (!main_shrinker)
		goto destroy_pool;
	err = misc_register(&main_device.misc);
	if (err)
		goto destroy_shrinker;
	return 0;

destroy_shrinker:
	shrinker_destroy(main_shrinker);
destroy_pool:
	pool_destroy(main_device.pool);
	return err;
}

static void __exit main_exit(void)
{
	misc_deregister(&main_device.misc);
	/* Clients and files of images hold the module: none are left. */
	shrinker_destroy(main_shrinker);
	pool_destroy(main_device.pool);
}

module_init(main_init);
module_exit(main_exit);

MODULE_DESCRIPTION("Pools of memory slots with affinity for isolate runtimes");
MODULE_AUTHOR("The slotpool authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
