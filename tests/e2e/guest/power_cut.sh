# The target runs in here, on the disks of this machine, until the power fails.
# Beside this: disks (NAME BACKING, a line each), commands (a line per process), addresses (what they have to say), program/.
. ./settings
. ./cases.sh

node_of() { # NAME
    for disk in /sys/block/vd*; do
        if [ "$(cat "$disk/serial")" = "$1" ]; then
            echo "${disk##*/}"
            return
        fi
    done
    return 1
}

# /disks/NAME then is what is exported: the disk, or a file of the file system on it.
attach() { # NAME BACKING
    node=$(node_of "$1") || { echo "there is no disk $1"; return 1; }
    tell "disk $1: $(cat "/sys/block/$node/queue/logical_block_size") $(cat "/sys/block/$node/queue/write_cache")"
    case $2 in
        disk) ln -s "/dev/$node" "/disks/$1" ;;
        ext4)
            mkdir -p "/mnt/$1"
            mount -t ext4 "/dev/$node" "/mnt/$1" || { echo "disk $1 cannot be mounted"; return 1; }
            ln -s "/mnt/$1/image" "/disks/$1"
            ;;
        state)
            mkdir /state
            mount -t ext4 "/dev/$node" /state || { echo "disk $1 cannot be mounted"; return 1; }
            ;;
    esac
}

start_target() {
    while read -r command; do
        # shellcheck disable=SC2086  # words
        LD_LIBRARY_PATH=/e2e/program/lib /e2e/program/target $command > /dev/console 2>> /tmp/target.log &
    done < commands
}

everything_is_served() {
    while read -r address; do
        grep -q -F "$address" /tmp/target.log || return 1
    done < addresses
}

mkdir /disks
while read -r name backing; do
    attach "$name" "$backing" || exit 1
done < disks
start_target
tries=0
until everything_is_served; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
        cat /tmp/target.log
        echo "the target does not serve: $(tail -n 1 /tmp/target.log)"
        exit 1
    fi
    sleep 0.1
done
tell "serving"
wait
cat /tmp/target.log
echo "the target ended: $(tail -n 1 /tmp/target.log)"
exit 1
