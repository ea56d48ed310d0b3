#!/usr/bin/env bash
# Shards and workers against one process: examples/results/shards.sh WORKSPACE FOLDER [DATA]
# WORKSPACE has data/ (DATA names one of several in it) and models; FOLDER is written. For each way: seconds, and what
# differs from one process but for times and hosts in the notes (nothing is expected). Ray where it is installed.
# Each process has one thread, so that ways are compared as they divide, not as a library does. WAYS="shards8" does these
# alone, and compares them with the one process of before.
set -euo pipefail
from=$(realpath "$1")
data=${3:-$(ls "$from/data")}
mkdir -p "$2"
cd "$2"
export OMP_NUM_THREADS=1 ADTOOL_CORES=${CORES:-2}
maps() { # WAY OPTIONS
    adtool -C "$1" maps --quiet "${@:2}" >> "$1/log" 2>&1
}
begin() {
    mkdir -p "$1"
    mkdir -p "$1/data"
    ln -sfn "$from/data/$data" "$1/data/$data"
    cp -r "$from/models" "$1/models"
}
finish() { # WAY SECONDS
    adtool -C "$1" report --quiet >> "$1/log" 2>&1
    different=0
    for folder in maps report; do
        diff -r --exclude=_step.json "one/$folder" "$1/$folder" || different=1
    done
    echo "$1: $2 s, $([ $different = 0 ] && echo "nothing differs" || echo "DIFFERENT")"
}
timed() { # WAY COMMAND
    local begun=$EPOCHREALTIME
    "${@:2}"
    finish "$1" "$(echo "$EPOCHREALTIME $begun" | awk '{printf "%.1f", $1 - $2}')"
}
in_turn() { for ((k = $2; k >= 1; k--)); do maps "$1" --shard "$k/$2"; done; }
at_once() { for ((k = 1; k <= $2; k++)); do ADTOOL_CORES=1 maps "$1" --shard "$k/$2" & done; wait; }
for way in ${WAYS:-one shards1 shards2 shards4 shards8 at_once2 workers2 ray2}; do
    [ "$way" != ray2 ] || python -c "import ray" 2> /dev/null || continue
    begin "$way"
    case $way in
        one) ADTOOL_CORES=1 timed one maps one ;;
        shards*) timed "$way" in_turn "$way" "${way#shards}" ;;
        at_once*) timed "$way" at_once "$way" "${way#at_once}" ;;
        workers*) timed "$way" maps "$way" --workers "${way#workers}" ;;
        ray*) timed "$way" maps "$way" --workers "ray:${way#ray}" ;;
    esac
done
