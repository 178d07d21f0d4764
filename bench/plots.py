"""SVG plots of a result: requests/s against the window, latency, CPU time per request."""

import re

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9, "axes.grid": True,
                            "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402

from workloads import WORKLOADS  # noqa: E402

COLORS = {"aoetarget": "#1f6feb", "packet": "#6cb6ff", "vblade": "#d1242f", "answer": "#8c959f", "fio": "#57606a"}
SPARE = ["#bf8700", "#8250df", "#1a7f37"]
COLUMNS = 4


def colors_of(result):
    names = dict.fromkeys(summary["target"] for summary in result["summaries"])
    spare = iter(SPARE * len(names))
    return {name: COLORS.get(name) or next(spare) for name in names}


def panels(count):
    rows = -(-count // COLUMNS)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(3.4 * COLUMNS, 2.7 * rows), squeeze=False)
    for spare in axes.flat[count:]:
        spare.set_visible(False)
    return figure, axes.flat


def finish(figure, axes, colors, path):
    handles = [pyplot.Line2D([], [], color=color, label=name) for name, color in colors.items()]
    figure.legend(handles=handles, loc="upper center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # A hundredth of a point is all that anybody sees, and a third of the file.
    path.write_text(re.sub(r"(\d\.\d\d)\d+", r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")


def draw_rates(result, colors, path):
    series = {}
    for summary in result["summaries"]:
        workload = WORKLOADS[summary["workload"]]
        series.setdefault(workload.series, {}).setdefault(summary["target"], {})[workload.window] = \
            summary["figures"]["requests/s"]
    series = {name: lines for name, lines in series.items() if max(map(len, lines.values())) > 1}
    if not series:
        return
    figure, axes = panels(len(series))
    for axis, (name, lines) in zip(axes, series.items()):
        for target, points in lines.items():
            windows = sorted(points)
            medians = [points[window]["median"] / 1000 for window in windows]
            below = [(points[window]["median"] - points[window]["min"]) / 1000 for window in windows]
            above = [(points[window]["max"] - points[window]["median"]) / 1000 for window in windows]
            axis.errorbar(windows, medians, yerr=(below, above), color=colors[target], marker="o", markersize=3,
                          linewidth=1.2, capsize=2)
        axis.set(title=name, xscale="log", xlabel="window", ylabel="1000 requests/s", ylim=(0, None))
        axis.set_xticks(windows, [str(window) for window in windows])
        axis.minorticks_off()
    finish(figure, axes, colors, path)


def thinned(curve, step=0.05, tail=0.98):
    """Points of a distribution that the eye can tell apart: at least `step` after the one before, or in the tail."""
    kept = curve[:1]
    for fraction, latency in curve[1:]:
        if fraction - kept[-1][0] >= step or fraction >= tail:
            kept.append((fraction, latency))
    return kept


def draw_latencies(result, colors, path):
    """The middle round of each, by its median."""
    curves = {}
    for entry in result["rounds"]:
        if "latency_cdf_us" in entry["result"]:
            curves.setdefault(entry["workload"], {}).setdefault(entry["target"], []).append(entry["result"])
    if not curves:
        return
    figure, axes = panels(len(curves))
    for axis, (name, lines) in zip(axes, curves.items()):
        for target, results in lines.items():
            middle = sorted(results, key=lambda one: one["latency_us"]["p50"])[len(results) // 2]
            fractions, latencies = zip(*thinned(middle["latency_cdf_us"]))
            axis.plot(latencies, fractions, color=colors[target], linewidth=1.2)
        axis.set(title=name, xscale="log", xlabel="latency, µs", ylabel="share of requests", ylim=(0, 1))
        axis.minorticks_off()
    finish(figure, axes, colors, path)


def draw_cpu(result, colors, path):
    names = list(dict.fromkeys(summary["workload"] for summary in result["summaries"]))
    targets = list(colors)
    height = 0.8 / len(targets)
    figure, axis = pyplot.subplots(figsize=(9, 0.9 + 0.09 * len(names) * len(targets)))
    for index, target in enumerate(targets):
        mine = {summary["workload"]: summary["figures"]["CPU µs"]["median"]
                for summary in result["summaries"] if summary["target"] == target}
        places = [row + index * height for row, name in enumerate(names) if name in mine]
        axis.barh(places, [mine[name] for name in names if name in mine], height, color=colors[target])
    axis.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names)
    axis.set_ylim(len(names), -height)
    axis.set(xlabel="CPU time of the target, µs per request")
    finish(figure, [axis], colors, path)


def draw(result, directory):
    directory.mkdir(parents=True, exist_ok=True)
    colors = colors_of(result)
    draw_rates(result, colors, directory / "requests.svg")
    draw_latencies(result, colors, directory / "latency.svg")
    draw_cpu(result, colors, directory / "cpu.svg")
