#!/usr/bin/env python3
"""Turns the rounds that run.sh measured into a Markdown table on standard output, and into JSON."""

import argparse
import json
import os
import platform
import statistics
import sys

def others_share(result):
    """What other work than the target's own took of the target's core. The kernel's disk work is part of it."""
    others_us = max(0, result["core_busy_us_per_request"] - result["target_cpu_us_per_request"])
    return others_us * result["requests_per_second"] / 1e6


FIGURES = {
    "requests_per_second": lambda result: result["requests_per_second"],
    "cpu_us": lambda result: result["target_cpu_us_per_request"],
    "core_us": lambda result: result["core_busy_us_per_request"],
    "others_share": lambda result: others_share(result),
    "p50_us": lambda result: result["latency_us"]["p50"],
    "p99_us": lambda result: result["latency_us"]["p99"],
    "retransmits": lambda result: result["retransmits"],
    "rss_mib": lambda result: result["target_peak_rss_kib"] / 1024,
    "load_busy": lambda result: result["load_busy"],
}
TOO_BUSY = 0.9
DISTURBED = 0.2
CHECK_FAILED = 3


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(rounds, reference, figure):
    """Each round against the reference's of the same turn, so that slow drift of the machine cancels out."""
    pairs = zip(rounds, reference)
    return [FIGURES[figure](a["result"]) / FIGURES[figure](b["result"]) for a, b in pairs
            if FIGURES[figure](b["result"]) > 0]


def summarise(rounds, against):
    """One entry per workload and target, in the order of measurement."""
    groups = {}
    for entry in rounds:
        groups.setdefault((entry["workload"], entry["target"]), []).append(entry)
    summaries = []
    for (workload, target), entries in groups.items():
        reference = groups[workload, against]
        first = entries[0]
        summary = {key: first[key] for key in ("workload", "target", "cache", "order", "mtu", "required_ratio")}
        summary["window"] = first["result"]["window"]
        summary["sectors"] = first["result"]["sectors"]
        summary["rounds"] = len(entries)
        for name, figure in FIGURES.items():
            summary[name] = spread([figure(entry["result"]) for entry in entries])
        if target != against:
            for figure in ("requests_per_second", "cpu_us"):
                values = ratios(entries, reference, figure)
                summary[f"{figure}_ratio"] = spread(values) if values else None
        summaries.append(summary)
    return summaries


def with_range(values, digits):
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}–{values['max']:.{digits}f})"


def ratio_cell(summary, key):
    values = summary.get(f"{key}_ratio")
    return with_range(values, 2) if values else "1"


def thousands(values):
    return with_range({key: value / 1000 for key, value in values.items()}, 1)


def print_table(summaries, against):
    columns = ["workload", "target", "1000 requests/s", f"× {against}", "CPU µs/request", f"× {against}",
               "others on core", "p50 µs", "p99 µs", "retransmitted", "peak MiB", "load busy"]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for summary in summaries:
        busy = summary["load_busy"]["median"]
        others = summary["others_share"]["median"]
        cells = [
            summary["workload"],
            summary["target"],
            thousands(summary["requests_per_second"]),
            ratio_cell(summary, "requests_per_second"),
            with_range(summary["cpu_us"], 2),
            ratio_cell(summary, "cpu_us"),
            f"{others:.0%}" + (" !" if others > DISTURBED else ""),
            f"{summary['p50_us']['median']:.0f}",
            f"{summary['p99_us']['median']:.0f}",
            f"{summary['retransmits']['median']:.0f}",
            f"{summary['rss_mib']['median']:.1f}",
            f"{busy:.0%}" + (" !" if busy > TOO_BUSY else ""),
        ]
        print("| " + " | ".join(cells) + " |")


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"kernel": platform.release(), "cpu": model, "cores": os.cpu_count()}


def shortfalls(summaries, against):
    """What --check has to say: of aoetarget against vblade, as the workload requires it."""
    judged = [summary for summary in summaries if summary["target"] == "aoetarget"]
    if against != "vblade" or not judged:
        yield "needs both aoetarget and vblade, and vblade to compare with"
    for summary in judged:
        ratio = summary.get("requests_per_second_ratio")
        if ratio and ratio["median"] < summary["required_ratio"]:
            yield f"{summary['workload']}: {ratio['median']:.2f} times vblade, {summary['required_ratio']} is required"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", help="file with one JSON object per round")
    parser.add_argument("--against", required=True, help="target that the ratios compare with")
    parser.add_argument("--json", help="file to write rounds and medians to")
    parser.add_argument("--check", action="store_true", help="fail when a required ratio is not reached")
    arguments = parser.parse_args()

    with open(arguments.rounds, encoding="utf-8") as lines:
        rounds = [json.loads(line) for line in lines]
    summaries = summarise(rounds, arguments.against)
    where = machine()
    first = rounds[0]["result"]
    print(f"{where['cpu']}, {where['cores']} cores, Linux {where['kernel']}; medians (lowest–highest) of "
          f"{summaries[0]['rounds']} rounds of {first['seconds']:.1f} s, in turns.\n")
    print_table(summaries, arguments.against)
    if any(summary["load_busy"]["median"] > TOO_BUSY for summary in summaries):
        print("\n! load busy: the load generator had no time to spare and may have been the limit.")
    if any(summary["others_share"]["median"] > DISTURBED for summary in summaries):
        print("\n! others on core: something else ran beside the target. Compare CPU µs/request, and measure "
              "again on a quiet machine.")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"machine": where, "against": arguments.against, "summaries": summaries, "rounds": rounds},
                      file, indent=1)
            file.write("\n")
    missed = list(shortfalls(summaries, arguments.against)) if arguments.check else []
    for line in missed:
        print(f"check: {line}", file=sys.stderr)
    return CHECK_FAILED if missed else 0


if __name__ == "__main__":
    sys.exit(main())
