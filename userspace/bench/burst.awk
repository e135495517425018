# SPDX-License-Identifier: GPL-2.0-only
#
# Print the data of burst.gnuplot: MiB after a burst, for each N. Runs after
# figures.awk.

END {
	nr = split("slotpool,scan,madvise", names, ",")
	split("0,100,unlimited", limits, ",")
	for (i = 1; i <= 3; i++) {
		line = "\"N = " limits[i] "\""
		for (k = 1; k <= nr; k++) {
			workload = "burst instances=1000 N=" limits[i]
			if (!has(names[k], workload, "memory of the system"))
				exit
			line = line " " value(names[k], workload, "memory of the system") / 1048576
		}
		if (i == 1)
			print "N slotpool scan madvise"
		print line
	}
}
