# SPDX-License-Identifier: GPL-2.0-only
#
# Turn the records of a program's output into figures, one a line, with tabs between the
# fields: alternative, workload, figure, unit, value, kernel, method. The variables
# kernel and method are given by the caller. If a machine was booted again, the last
# value of a figure counts.

BEGIN { FS = OFS = "\t" }

$1 == "record" {
	key = $2 FS $3 FS $4 FS $5
	if (!(key in values))
		order[++nr] = key
	values[key] = $6
}

END {
	for (i = 1; i <= nr; i++)
		print order[i], values[order[i]], kernel, method
}
