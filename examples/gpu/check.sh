#!/usr/bin/env bash
# Does adtool do on a GPU what it does on a processor, and how fast is it there? README.md beside this file says more.
# usage: check.sh OUT [cuda|cpu]
#   OUT/gpu.json and OUT/gpu.md are written part by part; the same call again goes on where it stopped.
#   cpu: the same parts in a small form, with torch in the place of the GPU (for machines that have none).
# ADTOOL_GPU_BUNDLE  folder made by bundle.py; else gpu_bundle in the checkout or beside it
# SECONDS_MOST       when to stop (600); what is left is done by the next call
# PARTS              only these, for instance "patchcore refine"
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:?usage: check.sh OUT [cuda|cpu]}
device=${2:-cuda}
mkdir -p "$out"
out=$(cd "$out" && pwd)

python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3
bundle=${ADTOOL_GPU_BUNDLE:-}
for place in "$root/gpu_bundle" "$root/../gpu_bundle"; do
    if [ -z "$bundle" ] && [ -d "$place" ]; then bundle=$place; fi
done
export PYTHONPATH="$root" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 ADTOOL_CACHE="$out/cache"
if [ -n "$bundle" ]; then
    export ADTOOL_WEIGHTS="$bundle/weights"
    if ! "$python" -c 'import pydantic' 2>/dev/null; then
        [ -d "$out/site" ] || "$python" -m pip install --quiet --no-index --no-deps --target "$out/site" "$bundle"/wheels/*.whl
        PYTHONPATH="$root:$out/site"
    fi
fi
exec "$python" "$here/check.py" "$out" "$device" "${SECONDS_MOST:-600}" ${PARTS:-}
