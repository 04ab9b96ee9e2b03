#!/usr/bin/env bash
# Measures what each of the schedules beside this file costs on a language model: perplexity relative to dense and
# bytes of K and V against fp32, one token scored a step after a prompt. Usage: run.sh MODEL BOOK... ; SPATTEN names the program.
set -euo pipefail
cd "$(dirname "$0")"
model=$1
shift
spatten=${SPATTEN:-spatten}
for prompt in 1024 3072; do
  for schedule in "$prompt"/*.yaml; do
    line="$prompt $(head -n 1 "$schedule" | cut -c 3-):"
    for book in "$@"; do
      line+=$("$spatten" eval perplexity --model "$model" --text "$book" --prompt "$prompt" --continue 128 --excerpts 1 --schedule "$schedule" --json 2>/dev/null |
        python3 -c 'import json, sys; r = json.load(sys.stdin); print(" %.3f (%.1f x)" % (r["ratio"], r["kv_bytes_ratio_fp32"]), end="")')
    done
    echo "$line"
  done
done
