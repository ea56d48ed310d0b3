#!/usr/bin/env bash
# A job array: as many shards as it has tasks. A task that was requeued goes on where it was.
#
#   sbatch --array=1-8 slurm.sh WORKSPACE [STEP [OPTION ...]]
#   SHARDS=8 sbatch --array=3 slurm.sh WORKSPACE        # one of eight again
#
#SBATCH --job-name=adtool
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --requeue
#SBATCH --output=adtool-%A-%a.log
# With GPUs: --gpus-per-task=1
set -euo pipefail

if [ $# -lt 1 ]; then
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
fi
workspace=$1
step=${2:-maps}
shift $(($# < 2 ? $# : 2))
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export ADTOOL_CORES=${SLURM_CPUS_PER_TASK:-1}
shard=$SLURM_ARRAY_TASK_ID/${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
exec adtool -C "$workspace" "$step" --shard "$shard" "$@"
