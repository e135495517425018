// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds a page by its first words, and holds a reference to it as KVM does to a page
 * that it found through a page table entry. User space can't tell the frame of
 * a page of a slot by itself: pagemap passes PFN mappings over.
 *
 * Below /sys/module/page_pin/parameters/: write a number to "find" and read
 * "frame" for the page that begins with the number and its complement, 0 if
 * there is none; write 1 to "pinned" to hold a reference to it, 0 to let go;
 * write a number to "compare" and read "equal" for whether the page begins so.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

static ulong frame;
module_param(frame, ulong, 0444);
MODULE_PARM_DESC(frame, "Number of the page frame");

static bool equal;
module_param(equal, bool, 0444);
MODULE_PARM_DESC(equal, "Whether the page begins with the number compared");

static struct page *pinned;

static bool page_pin_matches(ulong candidate, u64 magic)
{
	u64 words[2];

	return pfn_valid(candidate) &&
	       !copy_from_kernel_nofault(words, pfn_to_kaddr(candidate), sizeof(words)) &&
	       words[0] == magic && words[1] == ~magic;
}

static int page_pin_find(const char *value, const struct kernel_param *param)
{
	ulong candidate;
	u64 magic;
	int node;
	int err = kstrtou64(value, 0, &magic);

	if (err)
		return err;
	frame = 0;
	for_each_online_node(node) {
		for (candidate = node_start_pfn(node); candidate < node_end_pfn(node); candidate++)
			if (page_pin_matches(candidate, magic))
				frame = candidate;
	}
	return 0;
}

static const struct kernel_param_ops page_pin_find_ops = { .set = page_pin_find };
module_param_cb(find, &page_pin_find_ops, NULL, 0200);
MODULE_PARM_DESC(find, "What the page begins with");

static int page_pin_compare(const char *value, const struct kernel_param *param)
{
	u64 magic;
	int err = kstrtou64(value, 0, &magic);

	if (!err)
		equal = page_pin_matches(frame, magic);
	return err;
}

static const struct kernel_param_ops page_pin_compare_ops = { .set = page_pin_compare };
module_param_cb(compare, &page_pin_compare_ops, NULL, 0200);
MODULE_PARM_DESC(compare, "What the page may begin with");

static void page_pin_drop(void)
{
	if (pinned)
		put_page(pinned);
	pinned = NULL;
}

static int page_pin_set(const char *value, const struct kernel_param *param)
{
	bool pin;
	int err = kstrtobool(value, &pin);

	if (err)
		return err;
	if (pin && !frame)
		return -ENOENT;
	page_pin_drop();
	if (pin) {
		/* Never a page that has been freed since it was found. */
		if (!get_page_unless_zero(pfn_to_page(frame)))
			return -ENOENT;
		pinned = pfn_to_page(frame);
	}
	return 0;
}

static const struct kernel_param_ops page_pin_set_ops = { .set = page_pin_set };
module_param_cb(pinned, &page_pin_set_ops, NULL, 0200);
MODULE_PARM_DESC(pinned, "Whether the page is referred to");

static int __init page_pin_init(void)
{
	return 0;
}

static void __exit page_pin_exit(void)
{
	page_pin_drop();
}

module_init(page_pin_init);
module_exit(page_pin_exit);

MODULE_DESCRIPTION("References to pages, for the tests of slotpool");
MODULE_LICENSE("GPL");
