"""The workloads, and the values that aoetarget must reach."""

from dataclasses import dataclass

KIB = 1024
SECTOR_BYTES = 512
WINDOWS = (1, 16, 64)
FRAMES = ((1 * KIB, 1500), (8 * KIB, 9000))  # bytes per request, MTU


@dataclass(frozen=True)
class Workload:
    """Requests of one kind. `cache` is page or direct, `op` read or write, `order` sequential or random."""

    cache: str
    op: str
    order: str
    bytes: int
    mtu: int
    window: int
    stable: bool = False  # each write is on the disk before it is answered
    exports: int = 1
    threads: int = 1

    @property
    def series(self):
        """What differs from other workloads in more than the window."""
        op = "stable-write" if self.stable else self.op
        many = f"-{self.exports}-exports" if self.exports > 1 else ""
        many += f"-{self.threads}-threads" if self.threads > 1 else ""
        return f"{self.cache}-{op}-{self.order}-{self.bytes // KIB}k{many}"

    @property
    def name(self):
        return f"{self.series}-w{self.window}"

    @property
    def sectors(self):
        return self.bytes // SECTOR_BYTES


def all_workloads():
    for cache in ("page", "direct"):
        for op in ("read", "write"):
            for order in ("sequential", "random"):
                for size, mtu in FRAMES:
                    for window in WINDOWS:
                        yield Workload(cache, op, order, size, mtu, window)
    for window in (1, 32):
        yield Workload("direct", "write", "random", 4 * KIB, 9000, window, stable=True)
    for exports in (100, 1000):
        yield Workload("page", "read", "random", KIB, 1500, 64, exports=exports)
    for threads in (1, 2):
        yield Workload("page", "read", "random", KIB, 1500, 64, exports=2, threads=threads)


WORKLOADS = {workload.name: workload for workload in all_workloads()}


@dataclass(frozen=True)
class Requirement:
    """That a figure of a target is at least, or at most, `factor` times that of another target, or of itself
    in another workload. With neither, `factor` is the limit itself."""

    workload: str
    figure: str  # a key of report.FIGURES
    relation: str  # ">=" or "<="
    factor: float
    target: str | None = None
    other_workload: str | None = None
    of: str = "aoetarget"

    def __str__(self):
        limit = f"{self.factor:g}"
        if self.target or self.other_workload:
            limit += f" × {' of '.join(filter(None, (self.target, self.other_workload)))}"
        whose = f" of {self.of}" if self.of != "aoetarget" else ""
        return f"{self.workload}: {self.figure}{whose} {self.relation} {limit}"


def all_requirements():
    def rate(workload, factor, target):
        return Requirement(workload, "requests/s", ">=", factor, target)

    yield rate("page-read-sequential-1k-w16", 1, "vblade")
    yield rate("page-read-random-1k-w16", 1, "vblade")
    yield rate("page-read-random-1k-w64", 2.2, "vblade")
    yield rate("page-read-random-1k-w64", 0.90, "answer")
    for op, ratios in (("read", (12, 20)), ("write", (10, 15))):
        for window, factor in zip((16, 64), ratios):
            yield rate(f"direct-{op}-sequential-1k-w{window}", factor, "vblade")
    yield rate("direct-read-random-1k-w64", 5, "vblade")
    yield rate("direct-read-random-1k-w64", 0.85, "fio")
    yield Requirement("direct-read-random-1k-w64", "CPU µs", "<=", 2.2, other_workload="page-read-random-1k-w64")
    yield rate("direct-stable-write-random-4k-w32", 0.90, "fio")
    yield rate("direct-stable-write-random-4k-w32", 4.5, "vblade")
    for op in ("read", "write"):
        yield rate(f"page-{op}-random-8k-w64", 1.4, "vblade")
        yield rate(f"direct-{op}-random-8k-w64", 0.85, "fio")
    for name, workload in WORKLOADS.items():
        if workload.window == 1:
            yield Requirement(name, "p50 µs", "<=", 1, "vblade")
        if workload.window == 64 and workload.exports == 1:
            yield Requirement(name, "p99/p50", "<=", 2.5)
    yield Requirement("page-read-random-1k-1000-exports-w64", "CPU µs", "<=", 1.05,
                      other_workload="page-read-random-1k-w64")
    for of in ("aoetarget", "packet"):
        yield Requirement("page-read-random-1k-2-exports-2-threads-w64", "CPU µs", "<=", 1.15,
                          other_workload="page-read-random-1k-2-exports-w64", of=of)
    yield Requirement("page-read-random-1k-100-exports-w64", "peak MiB", "<=", 40)
    yield Requirement("page-read-random-1k-100-exports-w64", "start ms", "<=", 50)


REQUIREMENTS = list(all_requirements())
# What a run measures unless told otherwise: all but those that are judged by their latency alone.
DEFAULT = [name for name in WORKLOADS if any(
    name in (requirement.workload, requirement.other_workload) and requirement.figure not in ("p50 µs", "p99/p50") for requirement in REQUIREMENTS)]
