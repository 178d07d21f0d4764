# For a scenario: runs a test case and tells the host its verdict.

tell() {
    echo "$*" > /dev/ttyS1
}

# run_case SECONDS NAME COMMAND...: the case passes if the command succeeds in time; its output goes to the console if it does not.
run_case() {
    seconds=$1
    name=$2
    shift 2
    began=$(cut -d . -f 1 /proc/uptime)
    if timeout -s KILL "$seconds" "$@" > /tmp/case.log 2>&1; then
        tell "ok $name"
    else
        status=$?
        [ "$status" -ne 137 ] || echo "killed after $seconds seconds" >> /tmp/case.log
        tell "not-ok $name: status $status, $(grep . /tmp/case.log | tail -n 1)"
        { echo "--- $name"; tail -n 40 /tmp/case.log; dmesg | tail -n 15; } > /dev/console
    fi
    echo "$name took $(($(cut -d . -f 1 /proc/uptime) - began)) s" > /dev/console
}

# tell_checksum ADDRESS LABEL: a checksum of everything the device holds, read past the guest's page cache.
tell_checksum() {
    tell "checksum $2 $(dd if="/dev/etherd/$1" bs=1M iflag=direct 2> /dev/null | md5sum | cut -d ' ' -f 1)"
}
