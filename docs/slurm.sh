#!/bin/bash
#SBATCH --job-name=likewise
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@300
# Trains a recipe on all GPUs of the job, one process each:
#   sbatch docs/slurm.sh swav/imagenet seed=1
# Five minutes before its time is over, or when it is pre-empted, the job is told to stop: it writes a
# checkpoint. Queued again (by SLURM, or with `scontrol requeue JOB`), it goes on from there.
set -u
# Since SLURM 22.05 srun no longer takes --cpus-per-task from sbatch: without this line a task, with all
# its data workers, may be given one core.
[ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
recipe=${1:?usage: sbatch docs/slurm.sh PAPER/RECIPE [key=value ...]}
shift
# A job keeps its number when it is queued again, so this is where its run is found.
runs=runs/slurm-$SLURM_JOB_ID
started=$(ls -d "$runs"/*/*/*/checkpoints 2>/dev/null | tail -n 1)
if [ -n "$started" ]; then
    srun papers resume "${started%/checkpoints}"
else
    srun papers train "$recipe" --runs "$runs" "$@" \
        trainer.nodes="$SLURM_NNODES" trainer.devices="$SLURM_NTASKS_PER_NODE"
fi
