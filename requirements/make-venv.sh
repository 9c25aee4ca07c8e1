#!/usr/bin/env bash
# make-venv.sh VENV REQUIREMENTS [PYTHON]: a virtual environment with the hashed requirements and this checkout in it.
# Works as an ordinary user on a fresh Debian, whose python3 comes without pip and ensurepip.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 requirements=$2 python=${3:-python3}
cache=${TUQUAN_CACHE:-.cache}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'tuquan: %s\n' "$*" >&2; exit 1; }

stamp=$venv/.requirements.sha256
wanted=$(cat "$requirements" pyproject.toml | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

command -v "$python" >/dev/null || die "there is no '$python' on this machine. Install Python 3.11 or newer: sudo apt install python3"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
  || die "$("$python" --version) does not fit: tuquan needs Python 3.11, 3.12 or 3.13. Name one with: make PYTHON=python3.13"

# Debian splits pip and ensurepip off; its package python3-pip-whl holds pip's wheel, and unpacking it needs no root.
pip_wheel() {
  local found
  found=$(ls /usr/share/python-wheels/pip-*.whl "$cache"/pip-whl/usr/share/python-wheels/pip-*.whl 2>/dev/null | head -n1 || true)
  if [ -z "$found" ]; then
    "$python" -m edge.demo.debian "$cache/pip-whl" python3-pip-whl || return 1
    found=$(ls "$cache"/pip-whl/usr/share/python-wheels/pip-*.whl 2>/dev/null | head -n1)
  fi
  [ -n "$found" ] && realpath "$found"
}

if [ ! -x "$venv/bin/python" ]; then
  say "Making the virtual environment $venv …"
  site=""
  [ -e /proc/device-tree/model ] && grep -qi raspberry /proc/device-tree/model && site="--system-site-packages"  # libcamera and lgpio come from apt
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    # shellcheck disable=SC2086  # an empty word must vanish
    "$python" -m venv $site "$venv"
  else
    wheel=$(pip_wheel) || die "this Python has no pip, and Debian's could not be fetched. Install it: sudo apt install python3-venv"
    # shellcheck disable=SC2086
    "$python" -m venv $site --without-pip "$venv"
    "$venv/bin/python" "$wheel/pip" install --quiet --no-index --find-links "$(dirname "$wheel")" pip
  fi
fi
say "Installing the packages of $requirements (each checked against its hash) …"
"$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$requirements"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --no-index --editable .
printf '%s' "$wanted" >"$stamp"
