#!/bin/sh
# Builds everything on Debian 13, and runs there the README's first command and the unit and integration tests. Ends with
# one line:
#
#     N passed, N failed, N skipped
#
# sudo sh tests/debian13.sh [SUITE...]     suites of tests/run.sh (default: quickstart unit integration)
#
# It makes the root of Debian 13 once, in build/debian13/root, from the archive that this machine's apt uses. The tests
# share the kernel of this machine, and see a copy of this tree in /src.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
root=$top/build/debian13/root
[ $# -gt 0 ] || set -- quickstart unit integration

# The archive without the name of a release: where the Packages files of this machine's own release come from.
archive() {
    # shellcheck disable=SC2016 # apt-get expands these
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1
}

if [ ! -f "$root/made" ]; then
    rm -rf "$root"
    mkdir -p "${root%/*}"
    archive=$(archive)
    [ -n "$archive" ] || {
        echo "debian13.sh: apt has no Debian archive among its sources; add one, and run apt-get update" >&2
        exit 1
    }
    packages=$(cat "$top/cli/packages.txt" "$top/tests/packages.txt" | tr '\n' ',')
    mmdebstrap --quiet --variant=minbase --include="ca-certificates,$packages" trixie "$root" "$archive" || {
        echo "debian13.sh: cannot make a root of Debian 13 from $archive; check that this machine reaches it" >&2
        exit 1
    }
    touch "$root/made"
fi

# The tree as it is now, beside what was built from it.
mkdir -p "$root/src"
find "$root/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
tar -C "$top" --exclude=./build --exclude=./.git -cf - . | tar -C "$root/src" -xf -

# A root that is a mount point, as tests need it that make mounts of their own.
exec unshare --mount sh -eu -c '
    root=$1
    shift
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    exec chroot "$root" sh /src/tests/run.sh "$@"' sh "$root" "$@"
