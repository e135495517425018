/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An instruction that does nothing, and that nobody else executes: what the plugin
 * instructions.c counts begins and ends with it.
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
