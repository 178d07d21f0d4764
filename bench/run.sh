#!/bin/bash
# Measures AoE targets against each other, in turns, on a veth pair in a network namespace of its own.
# README.md beside this file says how to read the result.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

# name | cache | order | window | sectors per request | MTU | ratio of requests/s to vblade that --check asks of aoetarget
all_workloads='
page-sequential-w16 page   sequential 16 2 1500 1.0
page-random-w16     page   random     16 2 1500 1.0
direct-random-w64   direct random     64 2 1500 5.0
'

usage() {
    cat <<'END'
Usage: bench/run.sh [OPTION]...

  --workload NAME       one of those that --list shows; may be repeated (default: all)
  --rounds N            counted rounds of each target, in turns (default 6)
  --seconds S           counted seconds of each round (default 2)
  --warmup S            seconds before counting begins (default 0.5)
  --targets A,B         of aoetarget and vblade, those to measure (default both)
  --peer NAME='COMMAND' another target: a command that stays in the foreground and serves
                        $FILE as $SHELF.$SLOT on $IF; $CACHE says page or direct
  --against NAME        what the ratios compare with (default vblade, else the first target)
  --aoetarget PATH      the binary to measure (default: $AOETARGET, else the one built along with aoe-load)
  --aoe-load PATH       the load generator (default: $AOE_LOAD, else the newest build*/bench/aoe-load)
  --dir DIR             where to make the scratch file, on a disk (default /var/tmp)
  --size MIB            its size (default 512)
  --target-core N       default: the last core and the first in turns, a round each, because
  --load-core N         a disk's interrupts arrive on one core, and the target on it gains
                        (the default of --load-core is the other one)
  --json FILE           also write every round and the medians to FILE
  --check               exit with 3 when aoetarget falls short of the ratio that --list shows
  --list                show the workloads

Needs root, vblade, iproute2, util-linux and python3. Exit code: 0 measured, 1 not, 2 bad arguments.
END
}

fail() {
    echo "bench/run.sh: $1" >&2
    exit "${2:-1}"
}

newest() {
    # shellcheck disable=SC2012  # names of build folders are plain
    ls -t "$here"/../build*/"$1" 2>/dev/null | head -n 1 || true
}

workloads=()
rounds=6 seconds=2 warmup=0.5 targets=aoetarget,vblade against='' check='' json='' dir=/var/tmp size=512
load=${AOE_LOAD:-$(newest bench/aoe-load)} aoetarget=${AOETARGET:-}
last_core=$(($(nproc --all) - 1)) load_core='' target_core=''
declare -A peers=()
peer_names=()

original_arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage && exit 0 ;;
    --list) echo "$all_workloads" | awk 'NF { print $1 "  (aoetarget: at least " $7 " times vblade)" }' && exit 0 ;;
    --check) check=--check && shift && continue ;;
    esac
    [ $# -ge 2 ] || fail "$1: not an option, or its value is missing (see --help)" 2
    case $1 in
    --workload) workloads+=("$2") ;;
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --warmup) warmup=$2 ;;
    --targets) targets=$2 ;;
    --peer)
        [[ $2 =~ ^[A-Za-z0-9_.-]+=. ]] || fail "--peer NAME='COMMAND' is expected" 2
        peers[${2%%=*}]=${2#*=}
        peer_names+=("${2%%=*}")
        ;;
    --against) against=$2 ;;
    --aoetarget) aoetarget=$2 ;;
    --aoe-load) load=$2 ;;
    --dir) dir=$2 ;;
    --size) size=$2 ;;
    --target-core) target_core=$2 ;;
    --load-core) load_core=$2 ;;
    --json) json=$2 ;;
    *) fail "$1: not an option (see --help)" 2 ;;
    esac
    shift 2
done
# A build to measure has both; the newest aoetarget of all might be one with a sanitizer in it.
aoetarget=${aoetarget:-$(realpath -m "$(dirname "$load")/../cli/aoetarget")}

for number in "$rounds" "$size" "${target_core:-0}" "${load_core:-0}"; do
    [[ $number =~ ^[0-9]+$ ]] || fail "$number: a whole number is expected" 2
done
for name in "${workloads[@]}"; do
    echo "$all_workloads" | grep -q "^$name " || fail "no workload is called $name (see --list)" 2
done
IFS=, read -ra names <<<"$targets"
for name in "${names[@]}"; do
    [[ $name = aoetarget || $name = vblade ]] || fail "--targets: $name is neither aoetarget nor vblade; use --peer" 2
done
names+=("${peer_names[@]}")
[ "${#names[@]}" -gt 0 ] || fail "nothing to measure" 2
if [ -z "$against" ]; then
    against=${names[0]}
    [[ " ${names[*]} " = *' vblade '* ]] && against=vblade
fi
[[ " ${names[*]} " = *" $against "* ]] || fail "--against $against: not among the targets" 2

[ "$(id -u)" -eq 0 ] || fail "needs root: it makes a network namespace and opens packet sockets"
# place ROUND: sets target_now and load_now.
place() {
    if [ -n "$target_core$load_core" ]; then
        target_now=${target_core:-$((load_core == last_core ? 0 : last_core))}
        load_now=${load_core:-$((target_core == 0 ? last_core : 0))}
    else
        target_now=$(($1 % 2 ? last_core : 0))
        load_now=$((last_core - target_now))
    fi
}
place 1
[ "$target_now" -ne "$load_now" ] || fail "the target and the load each need a core of their own"
[ -x "$load" ] || fail "there is no aoe-load; build it: meson setup -Dbench=enabled build && ninja -C build"
[[ " ${names[*]} " != *' aoetarget '* || -x $aoetarget ]] || fail "there is no aoetarget; build it, or give --aoetarget PATH"
for program in ip taskset python3 unshare setpriv; do
    command -v "$program" >/dev/null || fail "$program is missing (see bench/packages.txt)"
done
[[ " ${names[*]} " != *' vblade '* ]] || command -v vblade >/dev/null || fail "vblade is missing (see bench/packages.txt)"

# Outside: keep the scratch folder, and run the rest of this script in namespaces of its own. All that
# runs there ends with its first process, and that ends with this one: nothing is left behind.
if [ -z "${AOE_BENCH_SCRATCH:-}" ]; then
    AOE_BENCH_SCRATCH=$(mktemp -d "$dir/aoe-bench.XXXXXX")
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
    setpriv --pdeathsig KILL unshare --net --mount --pid --fork --mount-proc --kill-child -- \
        bash "$here/run.sh" "${original_arguments[@]}" &
    inside=$!
    code=0
    wait "$inside" || code=$?
    inside=''
    exit "$code"
fi

# Inside.
scratch=$AOE_BENCH_SCRATCH
export IF=aoe-target FILE=$scratch/disk SHELF=1 SLOT=1 CACHE=page
target=''

stop_target() {
    [ -n "$target" ] || return 0
    kill -TERM "$target" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$target" 2>/dev/null || break
        sleep 0.02
    done
    kill -KILL "$target" 2>/dev/null || true
    wait "$target" 2>/dev/null || true
    target=''
}
trap stop_target EXIT

say() {
    [ ! -t 2 ] || printf '\r\033[K%s' "$1" >&2
}

make_network() {
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
    ip link add name aoe-load type veth peer name "$IF"
}

set_mtu() {
    for interface in aoe-load "$IF"; do
        ip link set "$interface" mtu "$1" up
    done
}

make_file() {
    say "writing a file of $size MiB"
    dd if=/dev/urandom of="$FILE" bs=1M count="$size" conv=fsync status=none
    case $(stat -f -c %T "$scratch") in
    tmpfs | ramfs | overlayfs) echo "bench/run.sh: $dir is not a disk: the O_DIRECT figures say little (give --dir)" >&2 ;;
    esac
}

prepare_cache() {
    if [ "$CACHE" = page ]; then
        cat "$FILE" >/dev/null
    else
        dd if="$FILE" iflag=nocache count=0 status=none
    fi
}

command_of() {
    local direct=''
    # The window of the load is to fit into vblade's receive buffer, which -b sizes.
    [ "$CACHE" = page ] || direct='-d '
    case $1 in
    aoetarget)
        if [ "$CACHE" = page ]; then
            echo "\"$aoetarget\" serve -i \$IF -e \$SHELF.\$SLOT=\"\$FILE\",cache=page,durability=volatile"
        else
            echo "\"$aoetarget\" serve -i \$IF -e \$SHELF.\$SLOT=\"\$FILE\",cache=direct"
        fi
        ;;
    vblade) echo "vblade -b 128 ${direct}\$SHELF \$SLOT \$IF \"\$FILE\"" ;;
    *) echo "${peers[$1]}" ;;
    esac
}

measure() {
    local name=$1 order=$2 window=$3 sectors=$4 result
    taskset -c "$target_now" bash -c "exec $(command_of "$name")" </dev/null >"$scratch/log" 2>&1 &
    target=$!
    if ! result=$(timeout --kill-after=5 "$deadline" taskset -c "$load_now" "$load" -i aoe-load -e "$SHELF.$SLOT" \
        --order "$order" --window "$window" --sectors "$sectors" --seconds "$seconds" --warmup "$warmup" \
        --pid "$target" --core "$target_now" --json 2>"$scratch/load-log"); then
        say ''
        tail -n 5 "$scratch/load-log" "$scratch/log" >&2
        fail "$name was not measured"
    fi
    stop_target
    echo "$result"
}

make_network
make_file
deadline=$(awk -v a="$seconds" -v b="$warmup" 'BEGIN { print a + b + 15 }')

while read -r name cache order window sectors mtu required; do
    [ -n "$name" ] || continue
    [ "${#workloads[@]}" -eq 0 ] || [[ " ${workloads[*]} " = *" $name "* ]] || continue
    CACHE=$cache
    set_mtu "$mtu"
    prepare_cache
    for round in $(seq "$rounds"); do
        place "$round"
        for target_name in "${names[@]}"; do
            say "$name: round $round of $rounds, $target_name"
            measure "$target_name" "$order" "$window" "$sectors" >"$scratch/result"
            printf '{"workload":"%s","cache":"%s","order":"%s","mtu":%d,"required_ratio":%s,"target":"%s","round":%d,"result":%s}\n' \
                "$name" "$cache" "$order" "$mtu" "$required" "$target_name" "$round" "$(cat "$scratch/result")" >>"$scratch/rounds"
        done
    done
done <<<"$all_workloads"
say ''

python3 "$here/report.py" --against "$against" ${check:+"$check"} ${json:+--json "$json"} "$scratch/rounds"
