# SPDX-License-Identifier: GPL-2.0-only
#
# Print tables of the main rows. Runs after figures.awk.

function head(text,   i)
{
	printf "\n%-24s", text
	for (i = 1; i <= nr_columns; i++)
		printf "%11s", columns[i]
	printf "\n"
}

# Print a figure of all columns, in multiples of unit.
function line(name, workload, figure, format, unit,   i)
{
	printf "%-24s", name
	for (i = 1; i <= nr_columns; i++) {
		if (has(columns[i], workload, figure))
			printf "%11s", sprintf(format, value(columns[i], workload, figure) / unit)
		else
			printf "%11s", "-"
	}
	printf "\n"
}

function block(text, figure, format, unit,   i)
{
	head(text)
	for (i = 1; i <= nr_rows; i++)
		line(names[i], rows[i], figure, format, unit)
}

# Print the quotients to the cost of an alternative.
function ratios(workload, alternative)
{
	if (has(alternative, workload, "cost"))
		line("  / " alternative, workload, "cost", "%.2f",
		     value(alternative, workload, "cost"))
}

END {
	for (kernel in kernels)
		print kernel
	for (key in units) {
		split(key, parts, SUBSEP)
		if (parts[3] == "cost" && parts[1] == "floor" && parts[2] ~ /^reuse/)
			unit = units[key]
	}
	head("pages written, " unit)
	for (i = 1; i <= nr_rows; i++) {
		line(names[i], rows[i], "cost", "%.0f", 1)
		ratios(rows[i], "RESET")
		ratios(rows[i], "floor")
	}
	block("page faults a cycle", "page faults", "%.0f", 1)
	block("shootdowns a cycle", "shootdown interrupts", "%.1f", 1)
	block("system calls a cycle", "system calls", "%.0f", 1)
	block("KiB copied a cycle", "bytes copied", "%.0f", 1024)
}
