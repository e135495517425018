// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 12
 *
 * Attributes of a pool under /sys/class/misc/slotpoolN/, documented in
 * Documentation/ABI/testing/sysfs-class-misc-slotpool.
 */
#include <linux/device.h>
#include <linux/kstrtox.h>

#include "device.h"
#include "pool_life.h"
#include "sysfs.h"

static struct pool *sysfs_pool(struct device *dev)
{
	struct miscdevice *misc = dev_get_drvdata(dev);

	return container_of(misc, struct pool_device, misc)->pool;
}

static ssize_t max_unused_warm_slots_show(struct device *dev, struct device_attribute *attr,
					  char *buf)
{
	return sysfs_emit(buf, "%llu\n", pool_max_unused_warm_slots(sysfs_pool(dev)));
}

static ssize_t max_unused_warm_slots_store(struct device *dev, struct device_attribute *attr,
					   const char *buf, size_t count)
{
	u64 value;
	int err = kstrtou64(buf, 0, &value);

	if (err)
		return err;
	pool_set_max_unused_warm_slots(sysfs_pool(dev), value);
	return count;
}
static DEVICE_ATTR_RW(max_unused_warm_slots);

static ssize_t max_unused_warm_bytes_show(struct device *dev, struct device_attribute *attr,
					  char *buf)
{
	return sysfs_emit(buf, "%llu\n", pool_max_unused_warm_bytes(sysfs_pool(dev)));
}

static ssize_t max_unused_warm_bytes_store(struct device *dev, struct device_attribute *attr,
					   const char *buf, size_t count)
{
	u64 value;
	int err = kstrtou64(buf, 0, &value);

	if (err)
		return err;
	pool_set_max_unused_warm_bytes(sysfs_pool(dev), value);
	return count;
}
static DEVICE_ATTR_RW(max_unused_warm_bytes);

static struct attribute *sysfs_attrs[] = {
	&dev_attr_max_unused_warm_slots.attr,
	&dev_attr_max_unused_warm_bytes.attr,
	NULL,
};

static const struct attribute_group sysfs_group = {
	.attrs = sysfs_attrs,
};

const struct attribute_group *sysfs_groups[] = {
	&sysfs_group,
	NULL,
};
