#!/usr/bin/env bash
# A nightly job that fails when the anomaly maps or the classes of a workspace got worse.
#
#   examples/ci/nightly.sh WORKSPACE [SOURCE:][CATEGORY:]METRIC=VALUE ...
#   examples/ci/nightly.sh lines/tiles image_auroc=0.92 aupro=0.76 classes:f1=0.45
#
# WORKSPACE holds data/, as `adtool prep` writes it. The chain is made anew each time, since the images may have changed.
# Exit code: 0 all reached, 1 a figure was not reached, another one if the chain itself failed
# (2 settings, 3 data, 4 weights, 5 some categories failed, 6 the machine). report/ is kept in every case: collect it.
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
fi
workspace=$1
shift
gates=()
for gate in "$@"; do
    gates+=(--min "$gate")
done

adtool -C "$workspace" maps --force --quiet
adtool -C "$workspace" discover --force --quiet
adtool -C "$workspace" report --quiet "${gates[@]}"
