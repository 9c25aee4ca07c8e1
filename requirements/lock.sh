#!/usr/bin/env bash
# Writes the hashed requirement files, for every platform that we serve, from pyproject.toml. Needs uv (pip install uv).
# No index address is written: which index serves the files is the machine's own setting, the hashes say what is accepted.
set -euo pipefail
cd "$(dirname "$0")/.."
for target in "node build" "dev dev"; do
  read -r name group <<<"$target"
  uv pip compile pyproject.toml --group "$group" --universal --python-version 3.11 --generate-hashes --quiet "$@" \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o "requirements/$name.txt"
done
uv pip compile benchmarks/peers/requirements.in --universal --python-version 3.11 --generate-hashes --quiet "$@" \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o benchmarks/peers/requirements.txt
