#!/usr/bin/env bash
# The record's table of detectors, on Magnetic Tile Defects and on the generated data set:
# examples/results/detectors.sh DOWNLOAD WORKSPACE [DETECTOR ...]      (all detectors of `adtool list` by default)
# DOWNLOAD holds MT_*/Imgs and mtd_train_filenames.txt; - for the generated data alone. What is done is not done again.
set -euo pipefail
download=$1
mkdir -p "$2"
[ "$download" = - ] || download=$(realpath "$download")
cd "$2"
shift 2
detectors=("$@")
if [ ${#detectors[@]} = 0 ]; then
    mapfile -t detectors < <(adtool list detectors --json | python -c \
        'import json, sys; print(*(row["name"] for row in json.load(sys.stdin)["rows"]), sep="\n")')
fi
transformer=() # where its weights are installed
if adtool weights verify dinov2_vits14 >/dev/null 2>&1; then
    transformer=(--backbone dinov2_vits14)
fi
[ "$download" = - ] || adtool prep mtd --source "$download"
adtool prep synthetic
for data in data/*/; do
    set=$(basename "$data")
    folders=()
    for detector in "${detectors[@]}"; do
        folder="$set/$detector" # the report calls a source by its folder's name
        backbone=()
        case $detector in
        musc) backbone=("${transformer[@]}") ;; # a transformer suits it, but the embedded network will do
        dinomaly)
            if [ ${#transformer[@]} = 0 ]; then
                echo "dinomaly is left out: it needs a transformer (adtool weights install dinov2_vits14)" >&2
                continue
            fi
            backbone=("${transformer[@]}")
            ;;
        esac
        adtool maps --detector "$detector" --data "$data" --models "$set/models" --out "$folder" "${backbone[@]}"
        folders+=("$folder")
    done
    adtool report "${folders[@]}" --data "$data" --out "$set/report"
done
