#!/usr/bin/env bash
# refine, inspect and check in two shards and by two workers, against one process:
# examples/results/shards_steps.sh WORKSPACE FOLDER NEW
# WORKSPACE has maps/ (and classes/, models/) of one category, NEW holds pictures to inspect; FOLDER is written. For each
# way: what differs from one process but for the notes (nothing is expected); of check, the findings of all shards.
set -euo pipefail
from=$(realpath "$1") new=$(realpath "$3")
mkdir -p "$2"
cd "$2"
export OMP_NUM_THREADS=1 ADTOOL_CORES=2
refine() { adtool -C "$1" refine --method free --quiet "${@:2}" >> "$1/log" 2>&1; }
inspect() { adtool -C "$1" inspect "$new" --quiet "${@:2}" >> "$1/log" 2>&1; }
for way in one shards2 workers2; do
    rm -rf "$way"
    mkdir "$way"
    ln -s "$from/data" "$way/data"
    for folder in maps models classes; do
        if [ -d "$from/$folder" ]; then cp -r "$from/$folder" "$way"; fi
    done
    for step in refine inspect; do
        begun=$EPOCHREALTIME
        case $way in
            one) ADTOOL_CORES=1 $step one ;;
            shards2) for shard in 2/2 1/2; do $step $way --shard $shard; done ;;
            workers2) $step $way --workers 2 ;;
        esac
        seconds=$(echo "$EPOCHREALTIME $begun" | awk '{printf "%.1f", $1 - $2}')
        written=$([ $step = refine ] && echo refined || echo inspected)
        if diff -r --exclude=_step.json "one/$written" "$way/$written"; then said="nothing differs"; else said=DIFFERENT; fi
        echo "$step, $way: $seconds s, $said"
    done
done
checked() { adtool -C one check --json --quiet "$@" || [ $? = 3 ]; }
checked > check.json
for k in 1 2; do checked --shard "$k/2" > "check.$k.json"; done
python - << 'END'
import json
from collections import Counter
from pathlib import Path


def findings(*paths):
    """How often each thing was found."""
    found = Counter()
    for path in paths:
        for one in json.loads(Path(path).read_text())["findings"]:
            found[one["code"], one["where"]] += one["count"]
    return found


whole, parts = findings("check.json"), findings("check.1.json", "check.2.json")
print("check, shards2:", "nothing differs" if whole == parts else f"DIFFERENT: {whole} {parts}")
END
