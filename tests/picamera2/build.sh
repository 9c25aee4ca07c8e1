#!/bin/sh
# Builds the root in which the camera tests meet the real picamera2: Debian trixie with libcamera from its
# backports (which has the virtual camera), picamera2, and three small adapters. Needs root, mmdebstrap and pip;
# takes about two minutes and 1 GB. A root that is up to date is left alone.
#
#   build.sh ROOT          PYTHON: a Python with pip        DEBIAN_MIRROR: where Debian is, if apt does not know
set -eu

root=$1
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

fail() {
	echo "test-picamera2: $*" >&2
	exit 1
}

stamp=$(cat "$here"/build.sh "$here"/requirements.txt "$here"/virtual.yaml "$here"/adapters/*.* "$here"/adapters/pidng/*.py |
	sha256sum | cut -d' ' -f1)
if [ "$(cat "$root/built" 2>/dev/null || true)" = "$stamp" ]; then
	exit 0
fi

[ "$(id -u)" = 0 ] || fail "building a Debian root needs root: run it with sudo."
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: apt-get install mmdebstrap."
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip."

# The mirror that this machine's apt already uses for Debian.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
	sed -n 's/^Debian|Debian|//p' | head -n 1)}
[ -n "$mirror" ] || fail "apt knows no Debian mirror here: name one in DEBIAN_MIRROR."

rm -rf "$root" "$root.new"
mkdir -p "$(dirname "$root")"
echo "test-picamera2: unpacking Debian trixie into $root (a minute or so)"
mmdebstrap --quiet --variant=apt \
	--setup-hook='mkdir -p "$1/etc/apt/preferences.d"' \
	--setup-hook='printf "Package: src:libcamera\nPin: release n=trixie-backports\nPin-Priority: 900\n" > "$1/etc/apt/preferences.d/libcamera"' \
	--include=python3-libcamera,libcamera-ipa,python3-numpy,python3-pil,python3-av,python3-prctl,python3-piexif \
	--include=python3-jsonschema,python3-tqdm,python3-pytest,python3-pytest-timeout,gcc,libc6-dev \
	trixie "$root.new" "deb $mirror trixie main" "deb $mirror trixie-backports main"

echo "test-picamera2: adding picamera2"
machine=$(uname -m)
"$python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
	--python-version 3.13 --implementation cp --abi cp313 --abi none \
	--platform "manylinux_2_28_$machine" --platform "manylinux2014_$machine" --platform any \
	--target "$root.new/opt/picamera2" -r "$here/requirements.txt"

cp -r "$here/adapters" "$root.new/opt/adapters"
cp "$here/virtual.yaml" "$root.new/usr/share/libcamera/pipeline/virtual/virtual.yaml"
chroot "$root.new" gcc -O2 -Wall -shared -fPIC -o /opt/adapters/fake_dma_heap.so /opt/adapters/fake_dma_heap.c -ldl
mkdir -p "$root.new/project"
echo "$stamp" >"$root.new/built"
mv "$root.new" "$root"
