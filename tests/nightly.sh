#!/bin/sh
# Runs new simulated worlds and the fuzz targets, in turns, for this number of hours (0.5, for example), and keeps the
# failures. Ends with one line, and fails if anything has failed:
#
#     N passed, N failed, N skipped
#
# tests/nightly.sh HOURS [--jobs N] [--keep DIR]
#
# Each seed of a world is a case, and each run of a fuzz target. Ctrl-C ends it early, in good order. In DIR
# (build/nightly/kept) are
#
#     failures      what has failed, each with the command that shows it again
#     fuzz/TARGET   inputs that make fuzz targets fail
#     next-seed     where to go on; at first the time of day, so that no two copies run the same seeds
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/build.sh"
build=$top/build/nightly
keep=$build/kept jobs=1 hours=

usage() {
    sed -n '/^# tests\/nightly/s/^# /usage: /p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --jobs | --keep)
        [ $# -ge 2 ] || usage
        if [ "$1" = --jobs ]; then jobs=$2; else keep=$2; fi
        shift
        ;;
    *[!0-9.]* | '' | . | *.*.*) usage ;;
    *) hours=$1 ;;
    esac
    shift
done
[ -n "$hours" ] || usage
case $jobs in '' | *[!0-9]*) usage ;; esac

configure "$build"
ninja -C "$build" --quiet tests/sim/aoe-sim
simulator=$build/tests/sim/aoe-sim
mkdir -p "$keep"
[ -s "$keep/next-seed" ] || echo "$(date +%s)000" >"$keep/next-seed"
version=$(git -C "$top" describe --always --dirty 2>/dev/null || echo unknown)

passed=0 failed=0 skipped=0 stopped='' child=''
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' INT TERM

# run_for SECONDS LOG COMMAND...: ends the command after so long, or when this script is to end. Sets $status.
run_for() {
    seconds=$1 log=$2
    shift 2
    timeout --preserve-status -s TERM "$seconds" "$@" >"$log" 2>&1 &
    child=$! status=0
    wait "$child" || status=$?
    while kill -0 "$child" 2>/dev/null; do # the wait was interrupted
        status=0
        wait "$child" || status=$?
    done
    child=
}

note() {
    echo "$*"
    echo "$(date '+%F %T') $version $*" >>"$keep/failures"
}

simulate() {
    first=$(cat "$keep/next-seed")
    run_for "$1" "$build/nightly-sim.log" "$simulator" --first "$first" --requests 1000 --jobs "$jobs" --until-stopped
    closing=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, .*/\1 \2/p' "$build/nightly-sim.log" | tail -n 1)
    if [ -z "$closing" ]; then # it has crashed, at one of the first seeds of which nothing is known
        failed=$((failed + 1))
        cp "$build/nightly-sim.log" "$keep/crash-$first"
        note "aoe-sim has ended with status $status; again: aoe-sim --first $first --requests 1000 --until-stopped"
        echo $((first + 100000)) >"$keep/next-seed"
        return
    fi
    # shellcheck disable=SC2086 # two numbers
    set -- $closing
    passed=$((passed + $1)) failed=$((failed + $2))
    echo $((first + $1 + $2)) >"$keep/next-seed"
    grep -E '^(seed [0-9]+:|  again:)' "$build/nightly-sim.log" | while IFS= read -r line; do note "$line"; done || true
    echo "seeds $first to $((first + $1 + $2 - 1)): $1 passed, $2 failed"
}

fuzz() {
    if ! command -v clang++ >/dev/null; then
        skipped=$((skipped + 1))
        echo "skipped: the fuzz targets: there is no clang++"
        return
    fi
    # shellcheck disable=SC2086 # words
    for target in $fuzz_targets; do
        [ -z "$stopped" ] || return 0
        run_for 7200 "$build/nightly-fuzz.log" "$top/tests/fuzz/run.sh" --seconds $(($1 / 4 + 1)) --target "$target" --jobs "$jobs"
        [ -z "$stopped" ] || return 0
        if [ "$status" -eq 0 ]; then
            passed=$((passed + 1))
            echo "fuzz target $target: passed"
            continue
        fi
        failed=$((failed + 1))
        mkdir -p "$keep/fuzz/$target"
        cp "$build/nightly-fuzz.log" "$keep/fuzz/$target.log"
        note "fuzz target $target: failed"
        for input in "$top/build/fuzz/crashes/$target"/*; do
            [ -f "$input" ] || continue
            mv "$input" "$keep/fuzz/$target/"
            note "  again: build/sanitizers/tests/fuzz/fuzz-$target $keep/fuzz/$target/${input##*/}"
        done
    done
}

# As long for the one as for the other, ten minutes at most.
end=$(($(date +%s) + $(awk "BEGIN { print int($hours * 3600) }")))
turn=simulate
while [ -z "$stopped" ]; do
    left=$((end - $(date +%s)))
    [ "$left" -gt 0 ] || break
    if [ "$turn" = simulate ]; then part=$(((left + 1) / 2)); else part=$left; fi
    [ "$part" -le 600 ] || part=600
    "$turn" "$part"
    if [ "$turn" = simulate ]; then turn=fuzz; else turn=simulate; fi
done
[ "$failed" -eq 0 ] || echo "what has failed is in $keep"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
