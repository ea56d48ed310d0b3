#!/usr/bin/env bash
# The record's figures on the fast mode of `discover --method trained`: examples/results/fast_or_exact.sh WORKSPACE
# Two generated categories, 134 crops, 10 epochs, 3 seeds: four stored views of each crop, or new ones every epoch.
# Needs dinov2_vits14 (adtool weights install); 10 minutes on one core.
set -euo pipefail
mkdir -p "$1"
cd "$1"
categories=(--category cap --category gear)
adtool prep synthetic
adtool maps "${categories[@]}"
for seed in 0 1 2; do
    for exact in false true; do
        adtool discover --method trained --backbone dinov2_vits14 --classes oracle "${categories[@]}" --seed $seed \
            --set epochs=10 --set side=112 --set exact=$exact --out "exact_$exact/seed$seed"
    done
done
adtool report exact_*/seed* --out report
