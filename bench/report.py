"""Medians, spreads and ratios of measurements, as Markdown, and compared with the required values."""

import os
import platform
import statistics

import where
from workloads import REQUIREMENTS, WORKLOADS

TOO_BUSY = 0.9
DISTURBED = 0.2


def others_share(result):
    """What other work than the target's own took of the target's core. The kernel's disk work is part of it."""
    others_us = max(0, result["core_busy_us_per_request"] - result["target_cpu_us_per_request"])
    return others_us * result["requests_per_second"] / 1e6


# Of one round. A target without a network has only some of them.
FIGURES = {
    "requests/s": lambda result: result["requests_per_second"],
    "CPU µs": lambda result: result["target_cpu_us_per_request"],
    "others": others_share,
    "p50 µs": lambda result: result["latency_us"]["p50"],
    "p99 µs": lambda result: result["latency_us"]["p99"],
    "p99/p50": lambda result: result["latency_us"]["p99"] / result["latency_us"]["p50"],
    "retransmits": lambda result: result["retransmits"],
    "peak MiB": lambda result: result["target_peak_rss_kib"] / 1024,
    "start ms": lambda result: result["start_ms"],
    "load busy": lambda result: result["load_busy"],
}


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def figures_of(entries):
    figures = {}
    for name, figure in FIGURES.items():
        try:
            figures[name] = spread([figure(entry["result"]) for entry in entries])
        except KeyError:
            continue
    return figures


def ratios(entries, others, name):
    """Each round against the other's of the same turn, so that slow drift of the machine cancels out."""
    figure = FIGURES[name]
    pairs = [(figure(a["result"]), figure(b["result"])) for a, b in zip(entries, others)]
    values = [a / b for a, b in pairs if b > 0]
    return spread(values) if values else None


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"kernel": platform.release(), "cpu": model, "cores": os.cpu_count()}


def by_workload_and_target(rounds):
    groups = {}
    for entry in rounds:
        groups.setdefault((entry["workload"], entry["target"]), []).append(entry)
    return groups


def summarise(rounds, against):
    groups = by_workload_and_target(rounds)
    summaries = []
    for (workload, target), entries in groups.items():
        summary = {"workload": workload, "target": target, "rounds": len(entries), "figures": figures_of(entries)}
        reference = groups.get((workload, against))
        if reference and target != against:
            summary["ratios"] = {name: ratios(entries, reference, name) for name in ("requests/s", "CPU µs")}
        summaries.append(summary)
    return {"machine": machine(), "against": against, "summaries": summaries,
            "verdicts": list(verdicts(groups)), "rounds": rounds}


def verdicts(groups):
    """One for each requirement for which all that it compares was measured."""
    for requirement in REQUIREMENTS:
        mine = groups.get((requirement.workload, requirement.of))
        other = groups.get((requirement.other_workload or requirement.workload, requirement.target or requirement.of))
        if not mine or not other:
            continue
        if requirement.other_workload:
            value = (figures_of(mine)[requirement.figure]["median"] / figures_of(other)[requirement.figure]["median"])
        elif requirement.target:
            value = ratios(mine, other, requirement.figure)["median"]
        else:
            value = figures_of(mine)[requirement.figure]["median"]
        met = value >= requirement.factor if requirement.relation == ">=" else value <= requirement.factor
        yield {"requirement": str(requirement), "value": value, "met": met}


def with_range(values, digits):
    if values is None:
        return "–"
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}–{values['max']:.{digits}f})"


def plain(figures, name, digits=0):
    return f"{figures[name]['median']:.{digits}f}" if name in figures else "–"


def share(figures, name, limit):
    if name not in figures:
        return "–"
    value = figures[name]["median"]
    return f"{value:.0%}" + (" !" if value > limit else "")


def row(summary):
    figures, compared = summary["figures"], summary.get("ratios", {})
    thousands = {key: value / 1000 for key, value in figures["requests/s"].items()}
    return [
        summary["workload"], summary["target"],
        with_range(thousands, 1), with_range(compared.get("requests/s"), 2),
        with_range(figures["CPU µs"], 2), with_range(compared.get("CPU µs"), 2),
        plain(figures, "p50 µs"), plain(figures, "p99 µs"), plain(figures, "retransmits"),
        plain(figures, "peak MiB", 1), plain(figures, "start ms"),
        share(figures, "others", DISTURBED), share(figures, "load busy", TOO_BUSY),
    ]


def print_markdown(result):
    where, against = result["machine"], result["against"]
    first = result["rounds"][0]["result"]
    print(f"{where['cpu']}, {where['cores']} cores, Linux {where['kernel']}; medians (lowest–highest) of "
          f"{result['summaries'][0]['rounds']} rounds of {first['seconds']:.1f} s, in turns.\n")
    columns = ["workload", "target", "1000 requests/s", f"× {against}", "CPU µs/request", f"× {against}", "p50 µs",
               "p99 µs", "retransmitted", "peak MiB", "start ms", "others on core", "load busy"]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    order = list(WORKLOADS)
    for summary in sorted(result["summaries"], key=lambda summary: order.index(summary["workload"])):
        print("| " + " | ".join(row(summary)) + " |")
    medians = [summary["figures"] for summary in result["summaries"]]
    if any(figures["load busy"]["median"] > TOO_BUSY for figures in medians if "load busy" in figures):
        print("\n! load busy: the load generator had no time to spare and may have been the limit.")
    if any(figures["others"]["median"] > DISTURBED for figures in medians if "others" in figures):
        print("\n! others on core: something else ran beside the target. Compare CPU µs/request, and measure "
              "again on a quiet machine.")


def print_profiles(result):
    groups = by_workload_and_target(entry for entry in result["rounds"] if "where" in entry["result"])
    print("\nCPU µs of a request, by what the target was doing:\n")
    print("| " + " | ".join(["workload", "target", *where.COLUMNS, "all"]) + " |")
    print("|" + "---|" * (len(where.COLUMNS) + 3))
    for (workload, target), entries in groups.items():
        results = [entry["result"] for entry in entries]
        parts = [statistics.median(one["where"][part] * one["target_cpu_us_per_request"] for one in results)
                 for part in where.COLUMNS]
        print("| " + " | ".join([workload, target, *(f"{part:.2f}" for part in [*parts, sum(parts)])]) + " |")


def print_verdicts(result):
    """Returns how many are not met."""
    print()
    for verdict in result["verdicts"]:
        print(f"- {'met' if verdict['met'] else 'SHORT'}: {verdict['requirement']}: {verdict['value']:.2f}")
    missed = sum(not verdict["met"] for verdict in result["verdicts"])
    print(f"\n{len(result['verdicts']) - missed} met, {missed} short")
    return missed
