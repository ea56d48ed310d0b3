#!/usr/bin/env bash
# One shard of a step.
#
#   examples/cluster/shard.sh WORKSPACE K/N [STEP [OPTION ...]]
#   examples/cluster/shard.sh lines/tiles 2/4
#   examples/cluster/shard.sh lines/tiles 2/4 refine --method free
#
# STEP: maps (the default) or refine.
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '4,6s/^# *//p' "$0" >&2
    exit 2
fi
workspace=$1
shard=$2
step=${3:-maps}
shift $(($# < 3 ? $# : 3))
exec adtool -C "$workspace" "$step" --shard "$shard" "$@"
