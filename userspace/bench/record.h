/* SPDX-License-Identifier: MIT */
/*
 * Measurements, which make bench collects from the output of the programs.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdio.h>

/**
 * record() - print a measurement as a line, with tabs between the fields
 * @alternative: the measured alternative, such as "RESET" or "floor"
 * @workload: the work done, such as "reuse written=64 scattered read=0"
 * @figure: the measured quantity, such as "cost" or "page faults"
 * @unit: its unit, such as "instructions/cycle" or "bytes"
 * @value: its value
 */
static inline void record(const char *alternative, const char *workload, const char *figure,
			  const char *unit, double value)
{
	printf("record\t%s\t%s\t%s\t%s\t%.10g\n", alternative, workload, figure, unit, value);
	fflush(stdout);
}

#endif /* BENCH_RECORD_H */
