# SPDX-License-Identifier: GPL-2.0-only
#
# Print figures as JSON, one a line.

function quote(text)
{
	gsub(/["\\]/, "\\\\&", text)
	return "\"" text "\""
}

BEGIN {
	FS = "\t"
	print "["
}

{
	printf "%s{\"alternative\": %s, \"workload\": %s, \"figure\": %s, \"unit\": %s, " \
		"\"value\": %s, \"kernel\": %s, \"method\": %s}", separator,
		quote($1), quote($2), quote($3), quote($4), $5, quote($6), quote($7)
	separator = ",\n"
}

END { print "\n]" }
