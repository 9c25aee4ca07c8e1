#!/bin/bash
# Boots a small Debian with the real units under real systemd, and lets verdict.py look at what happened.
#
#   sudo tests/systemd/nspawn/boot.sh [CACHE_DIRECTORY]
#
# The node's program is replaced by probe.py, a Type=notify service around edge/sd_notify.py that tries what the sandbox should
# allow and refuse. Needs root, systemd-nspawn (Debian: systemd-container) and, once, mmdebstrap (about a minute, 230 MB).
# Ends with exit code 0 only when every line of the verdict is "ok".
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
cache=${1:-$top/.cache/nspawn}
base=$cache/base

for tool in systemd-nspawn unshare; do
    command -v "$tool" >/dev/null || { echo "nspawn: $tool is missing (apt install systemd-container util-linux)." >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "nspawn: this boots a container and needs root." >&2; exit 2; }

if [ ! -e "$base/usr/lib/systemd/systemd" ]; then
    command -v mmdebstrap >/dev/null || { echo "nspawn: mmdebstrap is missing (apt install mmdebstrap)." >&2; exit 2; }
    mkdir -p "$cache"
    rm -rf "$base"
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mmdebstrap --quiet --variant=apt --include=systemd,dbus,python3-minimal,libpython3-stdlib "$release" "$base"
fi

tree=$(mktemp -d "$cache/tree.XXXXXX")
group=
cleanup() {
    rm -rf "$tree"
    [ -z "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
}
trap cleanup EXIT
cp -a --reflink=auto "$base/." "$tree/"

# What docs/install.md tells a person to do, done here by its own lines.
install -D -m 644 -t "$tree/etc/systemd/system" "$top"/systemd/*.service "$top"/systemd/*.target
install -D -m 644 "$top/systemd/tuquan.sysusers.conf" "$tree/usr/lib/sysusers.d/tuquan.conf"
install -D -m 644 "$top/systemd/tuquan.tmpfiles.conf" "$tree/usr/lib/tmpfiles.d/tuquan.conf"
systemd-sysusers --root="$tree" "$tree/usr/lib/sysusers.d/tuquan.conf"
systemctl --root="$tree" --quiet enable tuquan.target

install -D -m 755 "$here/probe.py" "$tree/opt/tuquan/bin/tuquan"
install -D -m 644 -t "$tree/opt/tuquan/bin/edge" "$top/edge/__init__.py" "$top/edge/sd_notify.py"
install -D -m 755 "$here/verdict.py" "$tree/opt/tuquan/bin/verdict.py"
install -D -m 644 "$here/verdict.service" "$tree/etc/systemd/system/verdict.service"
systemctl --root="$tree" --quiet enable verdict.service
install -D -m 640 /dev/null "$tree/etc/tuquan/node.toml"
install -D -m 600 /dev/stdin "$tree/etc/tuquan/credentials/alarm/broker-password" <<<"not a real one"
mkdir -p -m 700 "$tree/etc/tuquan/credentials/vision"
# Stand-ins for /dev/gpiochip0 and /dev/video0: readable through the group only.
printf 'f /srv/%s 0640 root %s - x\n' gpio gpio video video >"$tree/usr/lib/tmpfiles.d/probe.conf"
echo tuquan-nspawn >"$tree/etc/hostname"

# The container's own filter would refuse the clock calls before the units' filters are asked.
boot=(systemd-nspawn --system-call-filter="adjtimex clock_adjtime clock_settime" --capability=CAP_SYS_TIME --quiet --boot --register=no --keep-unit --private-network --console=pipe
    --link-journal=no --machine=tuquan-nspawn --directory="$tree")
if [ -d /run/systemd/system ]; then
    timeout 240 "${boot[@]}" >"$cache/console.log" 2>&1 </dev/null || true
else
    # PID 1 of this machine is not systemd: give the container a cgroup2 tree of its own in fresh namespaces.
    unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ -n "$unified" ] || { echo "nspawn: no cgroup2 file system is mounted." >&2; exit 2; }
    group=$(mktemp -d "$unified/tuquan-nspawn.XXXXXX")
    timeout 240 bash -c 'echo $$ >"$0/cgroup.procs" && exec unshare --mount --cgroup --pid --ipc --uts --net --fork \
        --kill-child --propagation private --mount-proc bash -c "
            umount -R /sys/fs/cgroup && mount -t tmpfs tmpfs /run && mount -t cgroup2 none /sys/fs/cgroup && exec \"\$@\"" _ "$@"' \
        "$group" "${boot[@]}" >"$cache/console.log" 2>&1 </dev/null || true
fi

journalctl --directory="$tree/var/log/journal" --no-pager >"$cache/journal.log" 2>/dev/null || true
cat "$tree/var/verdict" 2>/dev/null || true
if grep -q '^FAILED' "$tree/var/verdict" || ! grep -q '^done' "$tree/var/verdict"; then
    echo "nspawn: a promise was not kept, or no verdict was reached; see journal.log and console.log in $cache." >&2
    exit 1
fi
