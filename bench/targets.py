"""The targets that can be measured: the command and the abilities of each."""

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import where

INTERFACE = "aoe-target"
TAP, NO_PACKET_INFORMATION, TUNSETIFF = 0x0002, 0x1000, 0x400454CA
LARGEST_FRAME = 10000
SLOTS = 250  # exports of a shelf, where there are many
STOP_SECONDS = 2
# A config query to everybody for 1.0: destination, source, type, version 1, address, command, tag, no config string.
QUERY = bytes.fromhex("ffffffffffff 020000000001 88a2 1000 0001 00 01").ljust(60, b"\0")
AOE_ANSWER = re.compile(rb".{12}\x88\xa2[\x18-\x1f]", re.DOTALL)


class NotMeasured(Exception):
    """A target could not be started or did not answer."""


def log_of(scene):
    return (scene.scratch / "log").read_text(errors="replace")[-2000:]


def export_address(index):
    return f"{1 + index // SLOTS}.{index % SLOTS}"


def make_wire():
    """A tap device INTERFACE for the targets; the descriptor returned is its other end. It goes when that is closed."""
    try:
        wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    except OSError as problem:
        raise NotMeasured(f"/dev/net/tun: {problem.strerror}; load the module tun") from problem
    fcntl.ioctl(wire, TUNSETIFF, struct.pack("16sH22x", INTERFACE.encode(), TAP | NO_PACKET_INFORMATION))
    return wire


@dataclass
class Scene:
    """What a target serves, and where it runs."""

    files: list  # one for each export
    scratch: Path
    target_core: int = 0
    load_core: int = 1


@dataclass
class NetworkTarget:
    """A program that serves the scene's files on INTERFACE until it is ended."""

    name: str
    command: callable  # (workload, scene) -> list of arguments, or None where it cannot do that

    def can(self, workload, scene):
        return self.command(workload, scene) is not None

    def start(self, workload, scene):
        with open(scene.scratch / "log", "wb") as log:
            return subprocess.Popen(
                self.command(workload, scene), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {scene.target_core}),
                env=os.environ | {
                    "IF": INTERFACE, "FILE": str(scene.files[0]), "SHELF": "1", "SLOT": "0", "CACHE": workload.cache,
                    "OP": workload.op, "STABLE": "1" if workload.stable else "",
                })

    @staticmethod
    def stop(process):
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def aoetarget(binary, link):
    def command(workload, scene):
        durability = "stable" if workload.stable else "volatile"
        arguments = [binary, "serve", "--control", "none", "-i", f"{INTERFACE},link={link}" if link else INTERFACE,
                     "--threads", str(workload.threads)]
        for index, file in enumerate(scene.files):
            arguments += ["-e", f"{export_address(index)}={file},cache={workload.cache},durability={durability}"]
        return arguments
    return command


def vblade(workload, scene):
    """-b 128: its receive buffer is sized by that, and with the default of 16 it would lose a part of 64 requests."""
    if len(scene.files) > 1:
        return None
    options = ["-d"] * (workload.cache == "direct") + ["-s"] * workload.stable
    return ["vblade", "-b", "128", *options, "1", "0", INTERFACE, str(scene.files[0])]


def answerer(binary):
    def command(workload, scene):
        return [binary, "-i", INTERFACE] if workload.op == "read" and len(scene.files) == 1 else None
    return command


def peer(text):
    """A command of the user's: it stays in the foreground, and the scene is in its environment."""
    return lambda workload, scene: ["bash", "-c", f"exec {text}"] if len(scene.files) == 1 else None


@dataclass
class Fio:
    """The same requests on the same file without a network: the most that a target could reach."""

    name: str = "fio"

    def can(self, workload, scene):
        return len(scene.files) == 1

    def measure(self, workload, scene, seconds, warmup):
        command = [
            "taskset", "-c", str(scene.target_core), "fio", "--name=ceiling", f"--filename={scene.files[0]}",
            f"--rw={'rand' if workload.order == 'random' else ''}{workload.op}", f"--bs={workload.bytes}",
            f"--iodepth={workload.window}", f"--direct={int(workload.cache == 'direct')}", "--ioengine=io_uring",
            "--invalidate=0",  # the page cache was filled for it
            "--time_based", f"--runtime={int(seconds * 1e6)}us", f"--ramp_time={int(warmup * 1e6)}us",  # it drops fractions
            "--output-format=json",
            "--percentile_list=50:90:99:99.9",
        ] + ["--sync=dsync"] * workload.stable
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scene.scratch)
        if done.returncode != 0:
            raise NotMeasured(f"fio: {done.stderr or done.stdout}")
        job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
        result = job[workload.op]
        microseconds = result["runtime"] * 1000
        percentiles = {name: result["clat_ns"]["percentile"][f"{float(value):f}"] / 1000
                       for name, value in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9))}
        return {
            "seconds": microseconds / 1e6,
            "requests": result["total_ios"],
            "requests_per_second": result["iops"],
            "latency_us": percentiles,
            "target_cpu_us_per_request": (job["usr_cpu"] + job["sys_cpu"]) / 100 * microseconds / result["total_ios"],
        }


@dataclass
class Load:
    """aoe-load, on the other end of the wire."""

    binary: str
    wire: int
    seconds: float
    warmup: float
    profile: bool = False
    patience: float = field(default=15)

    def measure(self, target, workload, scene):
        started = time.monotonic()
        process = target.start(workload, scene)
        try:
            start_seconds = self.await_answer(process, scene) - started
            samples = scene.scratch / "samples"
            profiler = where.record(process.pid, samples, self.warmup + self.seconds) if self.profile else None
            result = self.run(process, workload, scene)
            if profiler is not None:
                profiler.wait()
                result["where"] = where.shares(samples)
        finally:
            target.stop(process)
        result["start_ms"] = start_seconds * 1000
        return result

    def await_answer(self, process, scene):
        """When the first answer to a query came; asks each millisecond."""
        while select.select([self.wire], [], [], 0)[0]:
            os.read(self.wire, LARGEST_FRAME)  # what the target before has left
        for _ in range(int(self.patience * 1000)):
            if process.poll() is not None:
                break
            os.write(self.wire, QUERY)
            while select.select([self.wire], [], [], 0.001)[0]:
                if AOE_ANSWER.match(os.read(self.wire, LARGEST_FRAME)):
                    return time.monotonic()
        raise NotMeasured(f"no answer: {log_of(scene)}")

    def run(self, process, workload, scene):
        exports = [argument for first in range(0, workload.exports, SLOTS) for argument in (
            "-e", f"{export_address(first)}-{min(SLOTS, workload.exports - first) - 1}")]
        command = [
            "taskset", "-c", str(scene.load_core), self.binary, "-i", INTERFACE, "--tap", str(self.wire), *exports,
            "--op", workload.op, "--order", workload.order, "--window", str(workload.window),
            "--sectors", str(workload.sectors), "--seconds", str(self.seconds), "--warmup", str(self.warmup),
            # From the page cache it takes batches; a disk is to be busy, and there is time enough.
            *([] if workload.cache == "page" else ["--coalesce-us", "0"]),
            "--pid", str(process.pid), "--core", str(scene.target_core), "--json",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=[self.wire],
                                  timeout=self.seconds + self.warmup + self.patience)
        except subprocess.TimeoutExpired as late:
            raise NotMeasured(f"aoe-load did not end: {late}") from late
        if done.returncode != 0:
            raise NotMeasured(f"aoe-load ended with {done.returncode}: {done.stderr}{done.stdout[-1000:]}\n{log_of(scene)}")
        return json.loads(done.stdout)
