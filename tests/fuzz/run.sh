#!/bin/sh
# Builds the fuzz targets with clang, AddressSanitizer and UndefinedBehaviorSanitizer, and runs each on its corpus.
# Ends with one line:
#
#     N passed, N failed, N skipped
#
# tests/fuzz/run.sh [--seconds N | --executions N] [--target NAME]... [--jobs N]
#
# N seconds or executions for each target, 5 seconds if nothing is said. --jobs: so many processes for each, which
# learn from each other. What is new to the corpus is kept in build/fuzz/found/TARGET, what makes a target fail in
# build/fuzz/crashes/TARGET.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/build.sh"
build=$top/build/sanitizers kept=$top/build/fuzz
targets= limit=-max_total_time=5 jobs=1

while [ $# -gt 0 ]; do
    case $1 in
    --seconds) limit=-max_total_time=$2 ;;
    --executions) limit=-runs=$2 ;;
    --target) targets="$targets $2" ;;
    --jobs) jobs=$2 ;;
    *)
        sed -n '/^# tests/p' "$0" >&2
        exit 2
        ;;
    esac
    shift 2
done
for target in ${targets:=$fuzz_targets}; do
    case " $fuzz_targets " in
    *" $target "*) ;;
    *)
        echo "there is no target '$target'; there are: $fuzz_targets" >&2
        exit 2
        ;;
    esac
done

configure_sanitizers "$build"
programs=
for target in $targets; do programs="$programs tests/fuzz/fuzz-$target"; done
# shellcheck disable=SC2086 # one word for each program
ninja -C "$build" --quiet $programs

export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=4:malloc_context_size=4
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
passed=0 failed=0
for target in $targets; do
    program=$build/tests/fuzz/fuzz-$target
    found=$kept/found/$target crashes=$kept/crashes/$target log=$kept/$target.log
    mkdir -p "$found" "$crashes"
    case $target in
    core | configuration | control) longest=2048 ;;
    *) longest=800 ;;
    esac
    parallel=
    [ "$jobs" -eq 1 ] || parallel="-fork=$jobs"
    status=0
    # shellcheck disable=SC2086 # nothing, or one option
    "$program" $parallel "$limit" -max_len=$longest -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$crashes/" "$found" "$top/tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
    executions=$(sed -n -e 's/^stat::number_of_executed_units: *//p' -e 's/^#\([0-9]*\): cov.*/\1/p' "$log" | tail -n 1)
    echo "$target: ${executions:-0} executions"
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    tail -n 60 "$log"
    for input in "$crashes"/*; do
        [ ! -f "$input" ] || echo "$target: to see it again: $program $input"
    done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
