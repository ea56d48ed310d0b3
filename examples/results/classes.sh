#!/usr/bin/env bash
# The record's figures on classes: examples/results/classes.sh WORKSPACE [BASE]      (that of mtd.sh)
# Three seeds of both methods with K = 6, and the number of classes estimated, with the DINOv2 half of mtd.sh where it
# is; BASE is a labelled base set (images/<class>, masks/<class>). Half an hour on one core, without BASE.
set -euo pipefail
base=${2:+$(realpath "$2")}
cd "$1"
half=.
if [ -d dinov2/maps ]; then half=dinov2; fi
folders=()
discover() { # NAME OPTIONS
    adtool discover --maps "$half/maps" --out "$half/$1" "${@:2}"
    folders+=("$half/$1")
}
for seed in 0 1 2; do
    discover "free_$seed" --classes 6 --seed $seed
    discover "trained_$seed" --classes 6 --seed $seed --method trained
done
discover auto
if [ -n "$base" ]; then discover base --classes 6 --method trained --base "$base"; fi
adtool report "${folders[@]}" --out "$half/report_classes"
