/* SPDX-License-Identifier: MIT */
/*
 * A measurement, as make bench collects it from what the programs print.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdio.h>

/**
 * record() - print a measurement, a line of fields with tabs between them
 * @alternative: who was measured: "RESET", "floor"
 * @workload: what was done: "reuse written=64 scattered read=0"
 * @figure: what was measured: "cost", "page faults"
 * @unit: what one of it is: "instructions/cycle", "bytes"
 * @value: how many
 */
static inline void record(const char *alternative, const char *workload, const char *figure,
			  const char *unit, double value)
{
	printf("record\t%s\t%s\t%s\t%s\t%.10g\n", alternative, workload, figure, unit, value);
	fflush(stdout);
}

#endif /* BENCH_RECORD_H */
