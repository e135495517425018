/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An instruction without effect that occurs nowhere else. The plugin instructions.c
 * starts and stops counting when a processor executes it.
 */
#ifndef BENCH_MARKER_H
#define BENCH_MARKER_H

/* nopl MARKER(%rax) */
#define MARKER 0x5a707001

static inline void mark(void)
{
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.long %c0"
			 :
			 : "i"(MARKER)
			 : "memory");
}

#endif /* BENCH_MARKER_H */
