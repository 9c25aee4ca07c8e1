#!/usr/bin/env bash
# The whole suite in three processes: much of it waits, for a broker, a camera or a time-out, and so it waits together.
# What measures (marked "alone") runs when all are done. With arguments: plain pytest.
#
#   PYTHON=.venv/bin/python tests/suite.sh [PYTEST ARGUMENTS]
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
[ $# -eq 0 ] || exec "$python" -m pytest "$@"

said=$(mktemp -d)
beside=()
trap '[ ${#beside[@]} -eq 0 ] || kill "${beside[@]}"; wait; rm -rf "$said"' EXIT
trap 'exit 130' INT TERM
SCENARIOS_AT_A_TIME=1 "$python" -m pytest -m "not alone" -p no:cacheprovider tests/faults >"$said/faults" 2>&1 &
beside+=($!)
"$python" -m pytest -p no:cacheprovider tests/edge tests/node >"$said/edge and node" 2>&1 &
beside+=($!)
"$python" -m pytest --ignore=tests/faults --ignore=tests/edge --ignore=tests/node
failed=$?
for part in "edge and node" faults; do
  wait "${beside[-1]}" || failed=1
  unset 'beside[-1]'
  echo "== tests of $part, which ran beside it"
  cat "$said/$part"
done
"$python" -m pytest -m alone tests/faults || failed=1
exit $failed
