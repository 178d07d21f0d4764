#!/bin/sh
# From a fresh checkout on Debian 12 to data that went through ATA over Ethernet and came back:
#
#     sudo sh cli/quickstart.sh
#
# It installs the packages that the build needs (cli/packages.txt), builds into build/quickstart, and shows the rest
# inside a network namespace of its own: it touches no interface of this machine and leaves only the build.
set -eu

cd "$(dirname "$0")/.."
build=build/quickstart
log=$build/quickstart.log
target=$build/cli/aoetarget
client=$build/cli/quickstart_client
image_mib=64
copy_mib=4
copy_sectors=$((copy_mib * 2048))

say() {
    printf '%s\n' "$*"
}

step() { # NUMBER TEXT
    printf '[%s/5] %s\n' "$1" "$2"
}

indent() {
    sed 's/^/      /'
}

refuse() { # WHAT
    say "quickstart: $1" >&2
    exit 1
}

fail() { # WHAT
    {
        say "quickstart: $1"
        say "The end of $log:"
        tail -n 30 "$log" | indent
    } >&2
    exit 1
}

missing_packages() {
    while read -r package; do
        case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null) in
            installed) ;;
            *) printf '%s ' "$package" ;;
        esac
    done < cli/packages.txt
}

install_packages() {
    command -v apt-get > /dev/null ||
        refuse "there is no apt-get here; install the packages that cli/packages.txt lists, then build with Meson"
    packages=$(missing_packages)
    if [ -z "$packages" ]; then
        step 1 "All packages are installed already."
        return
    fi
    step 1 "Installing packages: $packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    { apt-get update && apt-get install --yes --no-install-recommends $packages; } \
        >> "$log" 2>&1 < /dev/null || fail "cannot install packages; check the network and the sources of apt"
}

compile() {
    step 2 "Building in $build (about a minute the first time) ..."
    meson setup "$build" --wrap-mode=nodownload -Ddefault_library=static -Dcli=enabled -Dtests=disabled \
        -Dbench=disabled >> "$log" 2>&1 || fail "cannot configure the build"
    ninja -C "$build" "${target#"$build/"}" "${client#"$build/"}" >> "$log" 2>&1 || fail "the build failed"
}

# Files that root built shall belong to the user of sudo.
give_back() {
    if [ -n "${SUDO_UID:-}" ] && [ -n "${SUDO_GID:-}" ]; then
        chown --recursive "$SUDO_UID:$SUDO_GID" "$build" 2> /dev/null || true
        chown "$SUDO_UID:$SUDO_GID" "${build%/*}" 2> /dev/null || true
    fi
}

# --- Inside the namespace -------------------------------------------------------------------------

server=

stop_server() { # Returns its exit code.
    [ -n "$server" ] || return 0
    pid=$server
    server=
    kill -TERM "$pid" 2> /dev/null || true
    wait "$pid"
}

make_interfaces() {
    ip link add aoe0 type veth peer name aoe1 &&
        ip link set aoe0 mtu 9000 up &&
        ip link set aoe1 mtu 9000 up
}

start_server() {
    "$target" serve -i aoe0 -e "1.1=$image" > "$scratch/report" 2>&1 &
    server=$!
    tries=0
    until grep --quiet '^aoe0: ' "$scratch/report"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || grep --quiet '^aoetarget: ' "$scratch/report"; then
            cat "$scratch/report" >> "$log"
            fail "the target did not start"
        fi
        sleep 0.1
    done
    indent < "$scratch/report"
}

copy_there_and_back() {
    head -c "${copy_mib}M" /dev/urandom > "$scratch/sent"
    "$client" aoe1 1.1 write < "$scratch/sent" 2>> "$log" || fail "cannot write through AoE"
    "$client" aoe1 1.1 read "$copy_sectors" > "$scratch/received" 2>> "$log" || fail "cannot read through AoE"
    cmp "$scratch/sent" "$scratch/received" >> "$log" 2>&1 ||
        fail "the data that was read back is not the data that was written"
    stop_server || fail "the target did not end well"
    cmp --bytes="${copy_mib}M" "$scratch/sent" "$image" >> "$log" 2>&1 ||
        fail "the image does not hold the data that was written"
}

show() { # SCRATCH
    scratch=$1
    image=$scratch/disk.img
    trap 'stop_server || true' EXIT
    trap 'exit 130' INT TERM HUP

    step 3 "Exporting a scratch image of $image_mib MiB on one end of a private veth pair:"
    truncate --size="${image_mib}M" "$image"
    make_interfaces >> "$log" 2>&1 || fail "cannot make a veth pair"
    start_server

    step 4 "Discovering it from the other end:"
    "$target" discover -i aoe1 > "$scratch/found" 2>> "$log" || fail "cannot discover"
    grep --quiet '^e1\.1 ' "$scratch/found" || fail "the target was not found"
    indent < "$scratch/found"

    step 5 "Writing $copy_mib MiB of random data through AoE and reading it back ..."
    copy_there_and_back
    say "      Verified: the same data came back, and the image holds it too."
}

# --- Outside of it --------------------------------------------------------------------------------

real_interface() {
    {
        ip -oneline route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p'
        ip -brief link show up | sed -n 's/^\([^ @]*\).*/\1/p' | grep --invert-match --line-regexp lo
        echo eth0
    } | head -n 1
}

main() {
    [ "$(id -u)" = 0 ] ||
        refuse "installing packages and raw Ethernet frames need root; run 'sudo sh cli/quickstart.sh'"
    mkdir -p "$build"
    : > "$log"
    trap give_back EXIT
    trap 'exit 130' INT TERM HUP
    install_packages
    compile

    unshare --net true >> "$log" 2>&1 ||
        fail "cannot make a network namespace; run this outside of a restricted container"
    scratch=$(mktemp -d "$build/scratch.XXXXXX")
    trap 'rm -rf "$scratch"; give_back' EXIT
    unshare --net sh cli/quickstart.sh --show "$scratch"

    say ""
    say "It works. This exports a disk of this machine; write its path in place of /dev/sdX:"
    say ""
    say "    sudo $PWD/$target serve -i $(real_interface) -e 1.1=/dev/sdX"
    say ""
    say "Every machine on that network can then write to it. On Linux, 'modprobe aoe' makes it /dev/etherd/e1.1."
}

if [ "${1:-}" = --show ]; then
    show "$2"
else
    main
fi
