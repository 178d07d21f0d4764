# fio verifies again and again, with other data each time, while the host disturbs or changes the target, until the host says
# that it has done so often enough, by a second device.
. ./settings
. ./cases.sh
read -r address _ < exports

keep_verifying() {
    began=$(uptime_seconds)
    rounds=0
    until [ -b "$END_DEVICE" ]; do
        if [ $(($(uptime_seconds) - began)) -gt "$BUSY_SECONDS" ]; then
            echo "the host did not come to its end within $BUSY_SECONDS s"
            return 1
        fi
        rounds=$((rounds + 1))
        SEED=$rounds sh ./fio_verify.sh "$address" 4 || return 1
        aoe-discover
        aoe-revalidate "$address" # for a disk that has grown
    done
}

uptime_seconds() {
    cut -d . -f 1 /proc/uptime
}

tell "busy"
if keep_verifying > /tmp/fio.output 2>&1; then
    tell "ok fio verify"
else
    tell "not-ok fio verify: $(tail -n 1 /tmp/fio.output)"
    cat /tmp/fio.output > /dev/console
fi
tell "rounds $rounds"
run_case 10 "the kernel logged no error" sh -c "! dmesg | grep -iE 'i/o error|aoe.*(down|fail|error)'"
aoe-revalidate "$address"
tell "size $(blockdev --getsize64 "/dev/etherd/$address")"
tell_checksum "$address" "$address"
