#!/usr/bin/env bash
# The record's figures on the generated data set: examples/results/synthetic.sh WORKSPACE (the demo, with its table)
set -euo pipefail
mkdir -p "$1"
adtool -C "$1" demo
