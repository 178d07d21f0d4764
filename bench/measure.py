#!/usr/bin/python3
"""Measures AoE targets against each other, in turns. run.sh calls this in network and mount namespaces of its own."""

import argparse
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import report
from targets import INTERFACE, Fio, Load, NetworkTarget, NotMeasured, Scene, aoetarget, answerer, make_wire, peer, vblade
from workloads import DEFAULT, REQUIREMENTS, WORKLOADS

HERE = Path(__file__).resolve().parent
MIB = 1 << 20
ALL_TARGETS = ["aoetarget", "packet", "vblade", "answer", "fio"]
CHECK_FAILED = 3
BEYOND_CACHES = 8


def number_between(convert, least, most):
    def parse(text):
        try:
            number = convert(text)
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not from {least} to {most}")
        return number
    return parse


def folder(text):
    path = Path(text).resolve()
    if not text or not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is no folder")
    return path


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="bench/run.sh", allow_abbrev=False, description=__doc__.split(". ")[0] + ".",
        epilog="Needs root and the programs of bench/packages.txt. "
               "Exit code: 0 measured, 1 not, 2 bad arguments, 3 --check found a figure short of what is required.")
    add = parser.add_argument
    add("--workload", action="append", default=[], metavar="NAME",
        help="one of those that --list shows, or the beginning of some; may be repeated (default: those with "
             "more required of them than a latency)")
    add("--all", action="store_true", help="all workloads")
    add("--targets", default=",".join(ALL_TARGETS), metavar="A,B",
        help=f"of {', '.join(ALL_TARGETS)} (default: all). packet is aoetarget without AF_XDP, answer a link that "
             "answers without a disk, fio the same file without a network")
    add("--peer", action="append", default=[], metavar="NAME='COMMAND'",
        help="another target: stays in the foreground and serves $FILE as $SHELF.$SLOT on $IF; $CACHE says page or "
             "direct, $OP read or write, $STABLE is set where writes must be on the disk")
    add("--against", metavar="NAME", help="what the ratios compare with (default: vblade, else the first target)")
    add("--rounds", type=number_between(int, 1, 1000), default=5, metavar="N", help="counted rounds of each target, in turns (default 5)")
    add("--seconds", type=number_between(float, 0.1, 3600), default=2, metavar="S", help="counted seconds of each round, 0.1 and more (default 2)")
    add("--warmup", type=number_between(float, 0, 3600), default=0.5, metavar="S", help="seconds before counting begins (default 0.5)")
    add("--aoetarget", metavar="PATH", help="the binary to measure (default: the one built along with aoe-load)")
    add("--aoe-load", metavar="PATH", help="the load generator (default: the newest build*/bench/aoe-load or build/*/bench/aoe-load)")
    add("--dir", type=folder, default="/var/tmp", help="where to make the scratch files, on a disk (default /var/tmp)")
    add("--size", type=number_between(int, 1, 1 << 20), default=512, metavar="MIB",
        help=f"their size, together, where they are in the page cache (default 512); else {BEYOND_CACHES} times as much, "
             "so that no cache of the disk or the hypervisor holds them")
    add("--target-core", type=int, metavar="N", help="default: the last core and the first in turns, a round each, "
        "because a disk's interrupts arrive on one core, and a target that waits for it gains there")
    add("--load-core", type=int, metavar="N", help="default: the other one of these")
    add("--json", metavar="FILE", help="also write every round and the medians to FILE")
    add("--plots", metavar="DIR", help="also draw SVG plots into DIR (needs python3-matplotlib)")
    add("--profile", action="store_true",
        help="also say where the CPU time goes, by perf; it takes a tenth of the time itself, so that rates are lower")
    add("--check", action="store_true", help="say which requirements of those that --list shows are met")
    add("--list", action="store_true", help="show workloads and requirements")
    return parser, parser.parse_args()


def choose_workloads(parser, arguments):
    if arguments.all:
        return list(WORKLOADS.values())
    if not arguments.workload:
        return [WORKLOADS[name] for name in DEFAULT]
    chosen = set()
    for prefix in arguments.workload:
        matching = {prefix} & WORKLOADS.keys() or {name for name in WORKLOADS if name.startswith(prefix)}
        if not matching:
            parser.error(f"no workload is called {prefix} (see --list)")
        chosen |= matching
    return [workload for name, workload in WORKLOADS.items() if name in chosen]


def find_load(parser, given):
    found = sorted([*HERE.parent.glob("build*/bench/aoe-load"), *HERE.parent.glob("build/*/bench/aoe-load")], key=lambda path: path.stat().st_mtime)
    if given or found:
        return Path(given) if given else found[-1]
    return parser.error("there is no aoe-load; build it: meson setup build/bench -Dbench=enabled -Db_lto=true && ninja -C build/bench")


def choose_targets(parser, arguments, load):
    """A build to measure has both; the newest aoetarget of all might be one with a sanitizer in it."""
    binary = arguments.aoetarget or str(load.parents[1] / "cli" / "aoetarget")
    known = {
        "aoetarget": NetworkTarget("aoetarget", aoetarget(binary, "")),
        "packet": NetworkTarget("packet", aoetarget(binary, "packet")),
        "vblade": NetworkTarget("vblade", vblade),
        "answer": NetworkTarget("answer", answerer(str(load.parent / "aoe-answer"))),
        "fio": Fio(),
    }
    chosen = []
    for name in filter(None, arguments.targets.split(",")):
        if name not in known:
            parser.error(f"--targets: {name} is none of {', '.join(known)}; use --peer for others")
        if name in ("vblade", "fio") and not shutil.which(name):
            parser.error(f"{name} is missing (see bench/packages.txt), or leave it out of --targets")
        chosen.append(known[name])
    for text in arguments.peer:
        name, equals, command = text.partition("=")
        if not equals or not command or name in known:
            parser.error("--peer NAME='COMMAND' is expected, with a name of its own")
        chosen.append(NetworkTarget(name, peer(command)))
    if not chosen:
        parser.error("nothing to measure")
    return chosen


def choose_cores(parser, arguments, turn):
    last = os.cpu_count() - 1
    target = arguments.target_core
    load = arguments.load_core
    if target is None and load is None:
        target = 0 if turn % 2 else last
    if target is None:
        target = 0 if load == last else last
    if load is None:
        load = 0 if target == last else last
    if target == load:
        parser.error("the target and the load each need a core of their own")
    return target, load


def say(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def make_network():
    for scope in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1", encoding="ascii")
    return make_wire()


def set_mtu(mtu):
    subprocess.run(["ip", "link", "set", INTERFACE, "mtu", str(mtu), "up"], check=True)


def make_files(scratch, count, mebibytes):
    """Random data, on the disk, so that no layer below can do without reading it."""
    each = max(1, mebibytes // count)
    files = [scratch / f"disk-{each}-{index}" for index in range(count)]
    for file in files:
        if not file.exists():
            say(f"writing {mebibytes} MiB")
            try:
                with open(file, "wb") as output:
                    for _ in range(each):
                        output.write(os.urandom(MIB))
                    os.fsync(output.fileno())
            except OSError as problem:
                raise NotMeasured(f"{scratch.parent}: {problem.strerror}; give --dir a folder with more room, or a "
                                  "smaller --size") from problem
    return files


def prepare_cache(workload, files):
    for file in files:
        if workload.cache == "page":
            with open(file, "rb") as data:
                while data.read(MIB):
                    pass
        else:
            descriptor = os.open(file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def measure_round(workload, target, scene, load, arguments):
    prepare_cache(workload, scene.files)
    if isinstance(target, Fio):
        return target.measure(workload, scene, arguments.seconds, arguments.warmup)
    return load.measure(target, workload, scene)


def measure(parser, arguments, workloads, targets, load_binary):
    scratch = Path(os.environ["AOE_BENCH_SCRATCH"])
    load = Load(str(load_binary), make_network(), arguments.seconds, arguments.warmup, arguments.profile)
    rounds = []
    for workload in workloads:
        set_mtu(workload.mtu)
        factor = 1 if workload.cache == "page" else BEYOND_CACHES
        files = make_files(scratch, workload.exports, factor * arguments.size)
        for turn in range(arguments.rounds):
            scene = Scene(files, scratch, *choose_cores(parser, arguments, turn))
            first = turn % len(targets)  # who comes first finds the caches as the preparations have left them
            for target in targets[first:] + targets[:first]:
                if not target.can(workload, scene):
                    continue
                say(f"{workload.name}: round {turn + 1} of {arguments.rounds}, {target.name}")
                rounds.append({"workload": workload.name, "target": target.name, "round": turn,
                               "result": measure_round(workload, target, scene, load, arguments)})
    say("")
    return rounds


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as for "--list | head"
    parser, arguments = parse_arguments()
    if arguments.list:
        for name in WORKLOADS:
            print(name)
            for requirement in REQUIREMENTS:
                if requirement.workload == name:
                    print(f"    {str(requirement).removeprefix(name + ': ')}")
        return 0
    workloads = choose_workloads(parser, arguments)
    load_binary = find_load(parser, arguments.aoe_load)
    targets = choose_targets(parser, arguments, load_binary)
    names = [target.name for target in targets]
    against = arguments.against or ("vblade" if "vblade" in names else names[0])
    if against not in names:
        parser.error(f"--against {against}: not among the targets")
    choose_cores(parser, arguments, 0)
    if arguments.profile and not shutil.which("perf"):
        parser.error("--profile needs perf (see bench/packages.txt)")
    if arguments.plots and not importlib.util.find_spec("matplotlib"):
        parser.error("--plots needs python3-matplotlib")
    for file in filter(None, (arguments.json, arguments.plots)):
        if not Path(file).resolve().parent.is_dir():
            parser.error(f"{file}: there is no folder {Path(file).resolve().parent}")
    if "AOE_BENCH_SCRATCH" not in os.environ:
        print(arguments.dir)  # the arguments are good: run.sh goes on there
        return 0

    try:
        rounds = measure(parser, arguments, workloads, targets, load_binary)
    except NotMeasured as problem:
        say("")
        print(f"bench/run.sh: {problem}", file=sys.stderr)
        return 1
    result = report.summarise(rounds, against)
    report.print_markdown(result)
    if arguments.profile:
        report.print_profiles(result)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if arguments.plots:
        import plots  # matplotlib is needed for this alone
        plots.draw(result, Path(arguments.plots))
    if arguments.check:
        return CHECK_FAILED if report.print_verdicts(result) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
