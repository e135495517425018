/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 0
 *
 * The argument structures of commands: read them from user memory, check their sizes and
 * flags, write results back.
 *
 * Such a structure is a few words long. copy_from_user() and a generic loop would cost
 * more than all that a reset does besides copying pages. So the copies are inline, and
 * each command's format is a constant: the compiler unrolls the loops, checks the
 * buffer once, and keeps the words in registers.
 */
#ifndef SLOTPOOL_ARGUMENT_H
#define SLOTPOOL_ARGUMENT_H

#include <linux/types.h>
#include <linux/uaccess.h>

/* The first word of every argument structure */
union argument_header {
	struct {
		u32 size;
		u32 flags;
	};
	u64 word;
};

/**
 * struct argument_format - the format of an argument structure
 * @nr_words: size of the structure in words
 * @first_result: the first word that results are written to
 * @flags: the flags that the kernel knows
 */
struct argument_format {
	u32 nr_words;
	u32 first_result;
	u32 flags;
};

int argument_get_other(const struct argument_format *format, u64 __user *user,
		       union argument_header header, u64 last_word);
bool argument_is_short(const struct argument_format *format, u32 __user *user);

/**
 * argument_get() - read an argument structure, and check its size and flags
 * @format: a constant
 * @user: the structure
 * @words: receives it
 *
 * A command can't be undone when its results are written. So probe before it runs that
 * they can be: the structure lies in two pages at most, those of its first and of its
 * last word.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL for a structure that is too small or an unknown flag, -E2BIG for
 * one with values that the kernel does not know, or -EFAULT.
 */
static __always_inline int argument_get(const struct argument_format *format, u64 __user *user,
					u64 *words)
{
	const u32 size = format->nr_words * sizeof(u64);
	const u32 last = format->nr_words - 1;
	const union argument_header expected = { .size = size };
	const union argument_header known = { .flags = format->flags };
	union argument_header header;
	bool usual;
	u32 i;

	if (!user_access_begin(user, size))
		goto unreadable;
#pragma GCC unroll 8
	for (i = 0; i < format->nr_words; i++)
		unsafe_get_user(words[i], &user[i], fault);
	header.word = words[0];
	usual = (header.word & ~known.word) == expected.word;
	if (likely(usual)) {
		unsafe_put_user(words[0], &user[0], fault);
		unsafe_put_user(words[last], &user[last], fault);
	}
	user_access_end();

	return likely(usual) ? 0 : argument_get_other(format, user, header, words[last]);

fault:
	user_access_end();
unreadable:
	return argument_is_short(format, (u32 __user *)user) ? -EINVAL : -EFAULT;
}

/**
 * argument_put() - write the results of a command
 * @format: a constant
 * @user: the structure that argument_get() read
 * @words: its new contents
 *
 * Context: Process context, may sleep.
 * Return: 0 or -EFAULT.
 */
static __always_inline int argument_put(const struct argument_format *format, u64 __user *user,
					const u64 *words)
{
	u32 i;

	if (!user_write_access_begin(user, format->nr_words * sizeof(u64)))
		return -EFAULT;
#pragma GCC unroll 8
	for (i = format->first_result; i < format->nr_words; i++)
		unsafe_put_user(words[i], &user[i], fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

#endif /* SLOTPOOL_ARGUMENT_H */
