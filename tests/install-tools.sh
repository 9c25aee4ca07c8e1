#!/usr/bin/env bash
# The real parts that the tests run against, from Debian: installed where we are root, else named with what is not run.
set -uo pipefail

missing=()
need() { # need COMMAND-OR-PATH PACKAGE…
  local probe=$1; shift
  { command -v "$probe" || [ -x "/usr/sbin/$probe" ] || [ -e "$probe" ]; } >/dev/null 2>&1 || missing+=("$@")
}
need mosquitto mosquitto
need systemd-analyze systemd
need dpkg-deb dpkg
need ip iproute2
need nft nftables
need mkfs.ext4 e2fsprogs
need chromium chromium
need chromedriver chromium-driver
need openssl openssl
for element in x264enc jpegenc; do
  gst=/usr/bin/gst-inspect-1.0
  { [ -x $gst ] && $gst $element >/dev/null 2>&1; } || gstreamer=missing
done
/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer' 2>/dev/null || gstreamer=missing
[ -n "${gstreamer:-}" ] && missing+=(python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-tools
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad)

# A kernel that runs as a program, and what it breaks its disks with. Where it cannot be had (another processor, no
# such package) its tests are skipped and say so; that is no failure, also in CI.
if [ "$(uname -m)" = x86_64 ]; then
  wanted=()
  for pair in linux.uml:user-mode-linux mke2fs:e2fsprogs; do
    { command -v "${pair%:*}" || [ -x "/usr/sbin/${pair%:*}" ]; } >/dev/null 2>&1 || wanted+=("${pair#*:}")
  done
  if [ ${#wanted[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests: ${wanted[*]} …" >&2
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${wanted[@]}"; } \
      >/tmp/tuquan-tools-uml.log 2>&1 && wanted=()
  fi
  [ ${#wanted[@]} -eq 0 ] || echo "NO POWER IS CUT AND NO DISK IS BROKEN in the tests without: ${wanted[*]}" >&2
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing for the tests: ${missing[*]} …" >&2
  export DEBIAN_FRONTEND=noninteractive
  # A broker that Debian would start by itself is none of ours: the tests start their own on loopback.
  policy=/usr/sbin/policy-rc.d
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
  { apt-get -q update && apt-get -q install -y --no-install-recommends "${missing[@]}"; } >/tmp/tuquan-tools.log 2>&1 && exit 0
  tail -n 5 /tmp/tuquan-tools.log >&2
fi
cat >&2 <<TEXT
================================================================================================
NOT EVERYTHING WILL BE TESTED. These Debian packages are missing, and tests that need them are skipped:
  ${missing[*]}
To run them too:  sudo apt install ${missing[*]}
================================================================================================
TEXT
[ -z "${TUQUAN_REQUIRE_TOOLS:-}" ]  # CI sets it: a green run without the real parts would prove nothing
