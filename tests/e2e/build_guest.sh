#!/bin/bash
# Makes what a guest boots from: a Debian kernel as an ELF image, and an initramfs with the kernel's own aoe driver,
# busybox, fio, the ext4 tools and aoetools. Nothing is installed; the scripts of a test come later, as a second archive.
#
#   build_guest.sh CACHE      leaves CACHE/vmlinux and CACHE/initramfs.cpio, rebuilt only when an input has changed
set -euo pipefail

cache=${1:?usage: build_guest.sh CACHE}
modules="virtio_pci virtio_net virtio_blk aoe ifb sch_ingress sch_netem cls_matchall act_mirred"
# Only the scenario "modules" loads these.
more_modules="veth bridge 8021q bonding team team_mode_roundrobin team_mode_activebackup vrf loop dm_mod raid1 sd_mod scsi_debug"
programs="bash fio mkfs.ext4 e2fsck tc ip dmsetup lvm mdadm teamd teamdctl teamnl aoe-discover aoe-stat aoe-revalidate"
program_packages="bash busybox-static fio e2fsprogs iproute2 dmsetup lvm2 mdadm libteam-utils aoetools libc6"

fail() {
    echo "build_guest.sh: $*" >&2
    exit 1
}

# The name of a kernel package carries an ABI number that changes; the metapackage knows the current one.
kernel_package_of() {
    apt-cache depends --important "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

version_of_candidate() {
    apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'
}

inputs() {
    sha256sum < "${BASH_SOURCE[0]}"
    for package in $(kernel_package_of linux-image-cloud-amd64) $(kernel_package_of linux-image-amd64); do
        echo "$package $(version_of_candidate "$package")"
    done
    # shellcheck disable=SC2086  # a list of words
    dpkg-query --show $program_packages
}

download_kernel() {
    local metapackage package
    for metapackage in linux-image-cloud-amd64 linux-image-amd64; do
        package=$(kernel_package_of "$metapackage")
        [ -n "$package" ] || continue
        echo "build_guest.sh: downloading $package" >&2
        rm -rf "$work/download" "$work/kernel"
        mkdir "$work/download"
        (cd "$work/download" && apt-get --quiet=2 -o APT::Sandbox::User=root download "$package") || continue
        dpkg-deb -x "$work"/download/*.deb "$work/kernel"
        if [ -n "$(find "$work/kernel/lib/modules" -name 'aoe.ko*')" ]; then
            return
        fi
        echo "build_guest.sh: $package has no aoe module" >&2
    done
    return 1
}

little_endian() { # FILE OFFSET BYTES
    od --address-radix=n --format="u$3" --skip-bytes="$2" --read-bytes="$3" "$1" | tr -d ' '
}

# A bzImage carries the ELF kernel compressed; booting that one directly (PVH) spares the guest the unpacking.
# Its place is in the header that Linux documents as the x86 boot protocol.
extract_vmlinux() { # BZIMAGE OUTPUT
    local sectors offset length start
    sectors=$(little_endian "$1" $((0x1f1)) 1)
    offset=$(little_endian "$1" $((0x248)) 4)
    length=$(little_endian "$1" $((0x24c)) 4)
    start=$(((sectors + 1) * 512 + offset))
    tail --bytes=+$((start + 1)) "$1" | head --bytes=$((length - 4)) > "$work/payload" || true
    case $(od --address-radix=n --format=x1 --read-bytes=4 "$work/payload" | tr -d ' ') in
        02214c18) lz4 --quiet --decompress --stdout "$work/payload" > "$2" ;;
        28b52ffd) zstd --quiet --decompress --stdout "$work/payload" > "$2" ;;
        fd377a58) xz --decompress --stdout "$work/payload" > "$2" ;;
        1f8b*) gzip --decompress --stdout "$work/payload" > "$2" ;;
        *) fail "$1 is compressed in a way this script does not know" ;;
    esac
}

copy_with_libraries() { # PROGRAM
    local path library
    path=$(command -v "$1") || fail "$1 is not installed; packages.txt lists what is needed"
    cp --dereference "$path" "$root$path"
    for library in $(ldd "$path" 2>/dev/null | grep --only-matching '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp --dereference --update "$library" "$root$library"
    done
}

# Each module and what it needs first, in the order in which insmod has to see them, which LIST then tells.
copy_modules() { # LIST MODULE...
    local list=$root/modules/$1 tree module file dependency
    tree=$(echo "$work"/kernel/lib/modules/*)
    shift
    for module in "$@"; do
        file=$(sed -n "s|^\(.*/${module//_/[_-]}\.ko[^:]*\):.*|\1|p" "$tree/modules.dep")
        [ -n "$file" ] || fail "the kernel has no module $module"
        for dependency in $(sed -n "s|^$file:||p" "$tree/modules.dep" | tr ' ' '\n' | tac) "$file"; do
            copy_module "$tree/$dependency" "$list"
        done
    done
}

copy_module() { # FILE LIST
    local name
    name=$(basename "$1")
    name=${name%.xz}
    if [ -e "$root/modules/$name" ]; then
        return
    fi
    case $1 in
        *.xz) xz --decompress --stdout "$1" > "$root/modules/$name" ;;
        *) cp "$1" "$root/modules/$name" ;;
    esac
    echo "$name" >> "$2"
}

make_initramfs() { # OUTPUT
    local directory applet program
    root=$work/root
    for directory in dev proc sys run tmp mnt root modules etc usr/bin usr/sbin usr/lib usr/lib64; do
        mkdir -p "$root/$directory"
    done
    for directory in bin sbin lib lib64; do
        ln -s "usr/$directory" "$root/$directory"
    done
    cp "$(command -v busybox)" "$root/usr/bin/busybox"
    for applet in $(busybox --list); do
        [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
    done
    for program in $programs; do
        rm -f "$root/usr/bin/$program"
        copy_with_libraries "$program"
    done
    ln -s /proc/self/mounts "$root/etc/mtab"
    depmod --basedir "$work/kernel" "$(basename "$work"/kernel/lib/modules/*)"
    # shellcheck disable=SC2086  # lists of words
    copy_modules order $modules
    # shellcheck disable=SC2086
    copy_modules more $more_modules
    (cd "$root" && find . -print0 | cpio --null --create --format=newc --owner=+0:+0 --quiet) > "$1"
}

mkdir -p "$cache"
if [ -e "$cache/inputs" ] && [ "$(inputs)" = "$(cat "$cache/inputs")" ]; then
    exit 0
fi
rm -f "$cache/inputs"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
download_kernel || {
    apt-get --quiet=2 update # the package lists may be missing, or older than what the mirror still has
    download_kernel || fail "no Debian kernel with an aoe module could be downloaded; is there a network, and a Debian mirror in apt's sources?"
}
extract_vmlinux "$work"/kernel/boot/vmlinuz-* "$work/vmlinux"
make_initramfs "$work/initramfs.cpio"
mv "$work/vmlinux" "$work/initramfs.cpio" "$cache/"
inputs > "$cache/inputs"
