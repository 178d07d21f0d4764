# fio verifies again and again, with other data each time, while the host stops and starts the target.
. ./settings
. ./cases.sh
read -r address _ < exports

keep_verifying() {
    began=$(uptime_seconds)
    rounds=0
    while [ $(($(uptime_seconds) - began)) -lt "$BUSY_SECONDS" ]; do
        rounds=$((rounds + 1))
        SEED=$rounds sh ./fio_verify.sh "$address" 4 || return 1
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
tell "idle"
run_case 10 "the kernel logged no error" sh -c "! dmesg | grep -iE 'i/o error|aoe.*(down|fail|error)'"
tell_checksum "$address" "$address"
