# Sourced: the tap and the virtual machine on it.

qemu_pid=
each_moment=:
guest_mac=52:54:00:12:34:56

make_tap() { # MTU
    remove_tap
    ip tuntap add dev "$interface" mode tap
    ip link set dev "$interface" mtu "$1" up
}

remove_tap() {
    ip link delete dev "$interface" 2> /dev/null || true
}

start_qemu() { # HOST_MTU OPTION...
    local mtu=$1
    shift
    # An emulated processor: hardware virtualisation is absent or broken on many build machines.
    qemu-system-x86_64 -machine pc -accel tcg,thread=multi -cpu max -smp 1 -m 512 -nodefaults -no-reboot -display none \
        -netdev tap,id=net,ifname="$interface",script=no,downscript=no \
        -device virtio-net-pci,netdev=net,mac="$guest_mac",host_mtu="$mtu",romfile= \
        "$@" > "$scratch/qemu.log" 2>&1 < /dev/null &
    qemu_pid=$!
}

# run_qemu SECONDS HOST_MTU OPTION...: until it ends, the target dies, or time is up. Runs $each_moment about five times a second.
# $machine_end is then empty, or says what ended it before its own end; $qemu_status is its exit status.
run_qemu() {
    local seconds=$1 deadline
    shift
    machine_end=
    start_qemu "$@"
    deadline=$((SECONDS + seconds))
    while kill -0 "$qemu_pid" 2> /dev/null; do
        if [ ${#target_pids[@]} -gt 0 ] && ! target_alive; then # else it is in the guest
            machine_end="the target died"
        elif [ "$SECONDS" -ge "$deadline" ]; then
            machine_end="time-out after $seconds s"
        fi
        [ -z "$machine_end" ] || break
        $each_moment
        sleep 0.2
    done
    end_qemu
}

end_qemu() {
    [ -n "$qemu_pid" ] || return 0
    kill -KILL "$qemu_pid" 2> /dev/null || true
    qemu_status=0
    wait "$qemu_pid" 2> /dev/null || qemu_status=$?
    qemu_pid=
}
