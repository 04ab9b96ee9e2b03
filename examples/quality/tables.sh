#!/usr/bin/env bash
# Makes the tables and plots of docs/quality.md: the shipped schedules on texts that no search saw, the importance policies, each
# choice of smollm2-1pct undone, and needles. Usage: tables.sh MODEL DATA OUT, with the books in DATA/books and DATA/wikitext2 and DATA/ptb
# beside them; SPATTEN names the program. An hour or two on two cores.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$1 data=$2 out=$3
spatten=${SPATTEN:-spatten}
mkdir -p "$out"
texts() { for t in "$@"; do printf -- '--text\n%s\n' "$data/$t"; done; }
mapfile -t fiction < <(texts books/austen-persuasion.txt books/burgess-busterbrown.txt books/chesterton-ball.txt books/melville-moby_dick.txt books/whitman-leaves.txt)
mapfile -t others < <(texts wikitext2/wiki.test.raw ptb/ptb.test.txt)
mapfile -t few < <(texts books/austen-persuasion.txt books/melville-moby_dick.txt wikitext2/wiki.test.raw ptb/ptb.test.txt)

"$spatten" eval compare --model "$model" --prompt 4096 "${fiction[@]}" --with smollm2-1pct,smollm2-3pct >"$out/fiction.md"
"$spatten" eval compare --model "$model" --prompt 4096 --excerpts 4 "${others[@]}" --with smollm2-1pct,smollm2-3pct >"$out/others.md"
"$spatten" eval ablation --model "$model" --prompt 4096 --continue 64 "${few[@]}" --schedule smollm2-1pct --plot "$out/ablation.svg" >"$out/ablation.md"
"$spatten" eval policies --model "$model" --prompt 1024 "${fiction[@]}" "${others[@]}" --schedule "$here/1024/half-cumulative.yaml" --plot "$out/policies.svg" >"$out/policies.md"
for schedule in smollm2-1pct smollm2-3pct; do
  for length in 2048 7900; do
    "$spatten" eval needle --model "$model" --precision int8 --text "$data/books/austen-sense.txt" --length "$length" --schedule "$schedule" >"$out/needle-$schedule-$length.txt"
  done
done
