"""Turn a raw data set into one in MVTec AD layout."""

from adtool.cli.groups import group

command = group("prep", "prep.datasets", "Turn a raw data set into one in MVTec AD layout, written to data/<name>/.")
