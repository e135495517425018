// SPDX-License-Identifier: MIT
/*
 * Copy and clear memory as the kernel does on a machine that counts each iteration of a
 * string instruction. These functions replace the C library's: a byte must cost the
 * alternatives in user space as much as it costs the module.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memcpy(void *to, const void *from, size_t size)
{
	void *destination = to;
	size_t words = size / 8, bytes = size % 8;

	__asm__ volatile("rep movsq"
			 : "+D"(destination), "+S"(from), "+c"(words)
			 :
			 : "memory");
	__asm__ volatile("rep movsb"
			 : "+D"(destination), "+S"(from), "+c"(bytes)
			 :
			 : "memory");
	return to;
}

void *memset(void *to, int value, size_t size)
{
	uint64_t pattern = (unsigned char)value * 0x0101010101010101ULL;
	void *destination = to;
	size_t words = size / 8, bytes = size % 8;

	__asm__ volatile("rep stosq"
			 : "+D"(destination), "+c"(words)
			 : "a"(pattern)
			 : "memory");
	__asm__ volatile("rep stosb"
			 : "+D"(destination), "+c"(bytes)
			 : "a"(pattern)
			 : "memory");
	return to;
}
