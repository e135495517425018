# SPDX-License-Identifier: GPL-2.0-only
#
# Print the data of cycle.gnuplot: costs of a cycle, with a line for each way to write and
# number of written pages, and a column for each alternative. Runs after figures.awk.

function lines(way,   written, i)
{
	for (written = 1; written <= 1024; written *= 4) {
		if (!has("floor", reuse(written, way), "cost"))
			continue
		printf "%s %d", way, written
		for (i = 1; i <= nr_columns; i++)
			printf " %s", has(columns[i], reuse(written, way), "cost") ? \
				value(columns[i], reuse(written, way), "cost") : "NaN"
		printf "\n"
	}
}

END {
	lines("together")
	lines("scattered")
}
