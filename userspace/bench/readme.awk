# SPDX-License-Identifier: GPL-2.0-only
#
# The main table as README.md has it, after figures.awk: costs, and in brackets how they
# compare to that of RESET.

function cell(alternative, workload,   cost, base)
{
	cost = value(alternative, workload, "cost")
	base = value("RESET", workload, "cost")
	return sprintf("%.0f (%.*f)", cost, cost < 10 * base ? 2 : 0, cost / base)
}

END {
	printf "| pages written |"
	for (i = 1; i <= nr_columns; i++)
		printf " %s |", columns[i]
	printf "\n|---|"
	for (i = 1; i <= nr_columns; i++)
		printf "---:|"
	for (i = 1; i <= nr_rows; i++) {
		printf "\n| %s |", names[i]
		for (k = 1; k <= nr_columns; k++)
			printf " %s |", cell(columns[k], rows[i])
	}
	printf "\n"
}
