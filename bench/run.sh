#!/bin/bash
# Measures AoE targets against each other, in turns, on a tap device in a network namespace of its own.
# README.md beside this file says how to read the result; measure.py does the work.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
measure=(/usr/bin/python3 -B "$here/measure.py" "$@")

fail() {
    echo "bench/run.sh: $1" >&2
    exit "${2:-1}"
}

[ -x /usr/bin/python3 ] || fail "/usr/bin/python3 is missing (see bench/packages.txt)"
unset AOE_BENCH_SCRATCH
for argument in "$@"; do
    case $argument in --help | -h | --list) exec "${measure[@]}" ;; esac
done
dir=$("${measure[@]}") # looks at the arguments only
[ "$(id -u)" -eq 0 ] || fail "needs root: it makes a network namespace and opens packet sockets"
for program in ip taskset unshare setpriv; do
    command -v "$program" >/dev/null || fail "$program is missing (see bench/packages.txt)"
done

case $(stat -f -c %T "$dir") in
tmpfs | ramfs | overlayfs) echo "bench/run.sh: $dir is not a disk: the O_DIRECT figures say little (give --dir)" >&2 ;;
esac

# Keep the scratch folder out here, and run the rest in namespaces of its own. All that runs there ends with its first
# process, and that ends with this one: nothing is left behind.
AOE_BENCH_SCRATCH=$(mktemp -d "$dir/aoe-bench.XXXXXX") || fail "cannot write to $dir (see --dir)"
export AOE_BENCH_SCRATCH
inside=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    trap - EXIT INT TERM HUP
    if [ -n "$inside" ]; then
        kill -KILL "$inside" 2>/dev/null || true
        wait "$inside" 2>/dev/null || true
    fi
    rm -rf "$AOE_BENCH_SCRATCH"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
ulimit -n "$(ulimit -H -n)"
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --mount-proc --kill-child -- "${measure[@]}" &
inside=$!
code=0
wait "$inside" || code=$?
inside=''
exit "$code"
