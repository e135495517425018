# SPDX-License-Identifier: GPL-2.0-only
#
# Print the data of events.gnuplot: page faults and shootdown interrupts of a cycle. Runs
# after figures.awk.

END {
	workload = reuse(64, "scattered", 1024)
	for (i = 2; i <= nr_columns; i++) {
		if (has(columns[i], workload, "shootdown interrupts"))
			printf "\"%s\" %g %g\n", columns[i],
				value(columns[i], workload, "page faults"),
				value(columns[i], workload, "shootdown interrupts")
	}
}
