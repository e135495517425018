// SPDX-License-Identifier: GPL-2.0-only
/*
 * Argument structures that are not as the kernel knows them: of another size, with
 * unknown flags, or unreadable.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "argument.h"

/**
 * argument_get_other() - check a structure of another size, or with unknown flags
 * @format: the format of the structure
 * @user: the structure
 * @header: its first word
 * @last_word: the last of the words that @format has
 *
 * The bytes beyond @format must be zeros: they would ask for a newer kernel's features.
 *
 * Context: Process context, may sleep.
 * Return: As argument_get().
 */
int argument_get_other(const struct argument_format *format, u64 __user *user,
		       union argument_header header, u64 last_word)
{
	u32 size = format->nr_words * sizeof(u64);
	int err;

	if (header.size < size)
		return -EINVAL;
	if (header.size > PAGE_SIZE)
		return -E2BIG;
	err = check_zeroed_user(user + format->nr_words, header.size - size);
	if (err <= 0)
		return err ? err : -E2BIG;
	if (!user_write_access_begin(user, size))
		return -EFAULT;
	unsafe_put_user(header.word, &user[0], fault);
	unsafe_put_user(last_word, &user[format->nr_words - 1], fault);
	user_write_access_end();
	return header.flags & ~format->flags ? -EINVAL : 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * argument_is_short() - why a structure could not be read
 * @format: the format of the structure
 * @user: the structure
 *
 * A caller with a smaller structure, which ends at the end of its memory, has to learn
 * that.
 *
 * Context: Process context, may sleep.
 * Return: Whether the size that the structure claims is too small.
 */
bool argument_is_short(const struct argument_format *format, u32 __user *user)
{
	u32 size;

	return !get_user(size, user) && size < format->nr_words * sizeof(u64);
}
