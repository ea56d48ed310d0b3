#!/usr/bin/env bash
# The record's figures on `adtool refine`: examples/results/refine.sh WORKSPACE
# WORKSPACE is one of examples/results/mtd.sh, with its maps/ (and dinov2/). On two cores 15 minutes each, and as long
# again for every row of the ablation (`examples/results/refine.sh WORKSPACE ablation`).
set -euo pipefail
cd "$1"
if [ "${2:-}" != ablation ]; then
    adtool refine
    adtool report maps refined --out report/refined
    if [ -d dinov2/maps ]; then
        adtool refine --maps dinov2/maps --models dinov2/models --out dinov2/refined
        adtool report dinov2/maps dinov2/refined --out dinov2/report/refined
    fi
    exit
fi
variant() {
    name=$1
    shift
    mkdir -p "ablation_models/$name"
    cp -r models/patchcore "ablation_models/$name/"
    adtool refine --models "ablation_models/$name" --out "ablation/$name" --keep always "$@"
}
variant whole
variant without_map --set by_map=false
variant without_features --set by_features=false
variant without_structural --set structural=0
adtool report maps ablation/* --out report/ablation
