# SPDX-License-Identifier: GPL-2.0-only
#
# Print the main table for README.md: costs, with the quotient to the cost of RESET in
# brackets. Runs after figures.awk.

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
