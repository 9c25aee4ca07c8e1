#!/usr/bin/env bash
# The whole suite in two processes: what breaks things mostly waits, so it waits beside the rest.
# What measures (marked "alone") runs when both are done. With arguments: plain pytest.
#
#   PYTHON=.venv/bin/python tests/suite.sh [PYTEST ARGUMENTS]
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
[ $# -eq 0 ] || exec "$python" -m pytest "$@"

said=$(mktemp)
beside=
trap '[ -z "$beside" ] || kill "$beside"; wait; rm -f "$said"' EXIT
trap 'exit 130' INT TERM
SCENARIOS_AT_A_TIME=1 "$python" -m pytest -m "not alone" -p no:cacheprovider tests/faults >"$said" 2>&1 &
beside=$!
"$python" -m pytest --ignore=tests/faults
rest=$?
echo "== tests/faults, which ran beside it"
wait "$beside"
faults=$? beside=
cat "$said"
"$python" -m pytest -m alone tests/faults
alone=$?
[ "$rest$faults$alone" = 000 ]
