#!/bin/sh
# The first process inside: what a program needs to run, then the program, then power off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
[ -e /dev/null ] || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /run/disk && mount -t tmpfs tmpfs /dev/shm
cd /run
"$TUQUAN_PYTHON" -u -m "$TUQUAN_PROGRAM"
echo o >/proc/sysrq-trigger
sleep 60
