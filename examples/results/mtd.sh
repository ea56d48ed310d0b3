#!/usr/bin/env bash
# The record's figures on Magnetic Tile Defects: examples/results/mtd.sh DOWNLOAD WORKSPACE
# DOWNLOAD holds MT_*/Imgs and mtd_train_filenames.txt. About 3 minutes on two cores, with dinov2_vits14 15 more.
set -euo pipefail
download=$(realpath "$1")
mkdir -p "$2"
cd "$2"
adtool prep mtd --source "$download"
adtool maps
adtool discover --classes 6
adtool report
if adtool weights verify dinov2_vits14 >/dev/null; then
    adtool maps --backbone dinov2_vits14 --out dinov2/maps --models dinov2/models
    adtool discover --classes 6 --maps dinov2/maps --out dinov2/classes
    adtool report dinov2/maps dinov2/classes --out dinov2/report
else
    echo "adtool weights install dinov2_vits14 first for the other half of the table" >&2
fi
