#!/bin/sh
# Runs the camera tests against the real picamera2, in the root that build.sh builds. Needs root.
#
#   tests/picamera2/run.sh [PYTEST ARGUMENTS]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
root=${TRIXIE_ROOT:-$project/.cache/trixie-root}

"$here/build.sh" "$root"

# Mounts of a namespace of its own vanish with it, whatever happens. The project is mounted read-only.
export root project
exec unshare --mount --pid --fork --propagation private sh -euc '
	mount --bind "$project" "$root/project"
	mount -o remount,bind,ro "$root/project"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/tmp"
	exec chroot "$root" env -i \
		PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 LIBCAMERA_LOG_LEVELS="*:ERROR" \
		PYTHONPATH=/project:/opt/picamera2:/opt/adapters LD_PRELOAD=/opt/adapters/fake_dma_heap.so \
		sh -euc "cd /project; exec python3 -m pytest \"\$@\"" pytest "$@"
' run.sh -p no:cacheprovider -m "not rtsp" -W 'ignore:setDaemon:DeprecationWarning' --confcutdir tests/sensors/cameras tests/sensors/cameras "$@"
