# fio verifies while both directions lose a frame in a hundred.
# First without loss: a new device's first time-outs are many seconds long, the driver learns shorter ones from answers.
. ./settings
. ./cases.sh
read -r address _ < exports
tc=/sbin/tc # busybox has a lesser one of this name

lose_frames() {
    ip link set ifb0 up
    $tc qdisc add dev eth0 root netem loss 1% limit 10000
    $tc qdisc add dev eth0 ingress
    $tc filter add dev eth0 parent ffff: matchall action mirred egress redirect dev ifb0
    $tc qdisc add dev ifb0 root netem loss 1% limit 10000
}

dropped_on() { # INTERFACE
    $tc -s qdisc show dev "$1" | sed -n '/netem/,$s/.*dropped \([0-9]*\).*/\1/p' | head -n 1
}

frames_were_lost() {
    echo "dropped on the way out: $(dropped_on eth0), on the way in: $(dropped_on ifb0)" > /dev/console
    echo "the loss was not real: $(dropped_on eth0) frames out, $(dropped_on ifb0) in"
    [ "$(dropped_on eth0)" -gt 20 ] && [ "$(dropped_on ifb0)" -gt 20 ]
}

run_case 40 "fio verify before" sh ./fio_verify.sh "$address" 2
if ! lose_frames; then
    echo "the guest cannot lose frames"
    exit 1
fi
export SEED=2
run_case 70 "fio verify with loss" sh ./fio_verify.sh "$address" "$FIO_MEGABYTES"
frames_were_lost > /tmp/lost || { cat /tmp/lost; exit 1; }
$tc qdisc del dev eth0 root
$tc qdisc del dev eth0 ingress
tell_checksum "$address" "$address"
