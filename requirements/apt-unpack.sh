#!/usr/bin/env bash
# apt-unpack.sh FOLDER PACKAGE…: Debian packages unpacked into a folder, as an ordinary user.
# Where the machine has no package lists, they are fetched into FOLDER/.apt instead of /var/lib/apt.
set -euo pipefail
folder=$(realpath -m "$1"); shift
mkdir -p "$folder/.apt/archives"
options=()
if ! apt-cache show "$1" >/dev/null 2>&1; then
  state=$folder/.apt
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  options=(-o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=/var/lib/dpkg/status" -o "Dir::Cache=$state/cache" -o "APT::Sandbox::User=")
  apt-get "${options[@]}" -q update
fi
(cd "$folder/.apt/archives" && apt-get "${options[@]}" -q download "$@")
for deb in "$folder"/.apt/archives/*.deb; do dpkg-deb -x "$deb" "$folder"; done
rm -rf "$folder/.apt/archives"
