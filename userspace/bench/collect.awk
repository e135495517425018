# SPDX-License-Identifier: GPL-2.0-only
#
# Makes figures, a line of fields with tabs between them each, of what a program
# printed: alternative, workload, figure, unit, value, kernel, method. The last two
# are variables. A machine that had to boot again may have told a figure twice: the
# last one counts.

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
