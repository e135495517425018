# SPDX-License-Identifier: GPL-2.0
#
# Makes figures, a line of fields with tabs between them each, of what a program
# printed: alternative, workload, figure, unit, value, kernel, method. The last two
# are variables.

BEGIN { FS = OFS = "\t" }

$1 == "record" { print $2, $3, $4, $5, $6, kernel, method }
