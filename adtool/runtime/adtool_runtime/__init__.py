"""adtool_runtime: runs what `adtool export` wrote, without torch and without adtool."""
