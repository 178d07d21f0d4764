"""Where a target's CPU time goes: samples of its stacks, sorted by their activity."""

import re
import subprocess

# The first that matches names what a sample was doing; of the kernel all callers count, of the program the innermost
# function. Work for a disk may be in a worker thread, or in an interrupt.
PARTS = [
    ("disk", r"\b(blk|virtio|nvme)_\w+ .*\basm_\w*(interrupt|sysvec)"),
    ("interrupts", r"\basm_\w*(interrupt|sysvec)\w*"),
    ("transmit", r"\b(io_send|sock_sendmsg|sock_write_iter|\w+_xmit)\b|PacketLink::(send|on_sent)|XdpLane\w*::(send|transmit|flush)"),
    ("receive", r"\b(io_recv|io_recvmsg|sock_recvmsg|sock_read_iter|io_poll_\w+|xsk_\w+)\b|net::"),
    ("disk", r"\b(io_read|io_write|io_wq_\w+|io_fsync|io_fallocate|vfs_\w+|blk_\w+|virtio_\w+|nvme_\w+)\b|storage::"),
    ("core", r"\b(aoetarget::)?(core|protocol)::"),
    ("wait", r"\b(schedule|io_cqring_wait|exit_to_user_mode_loop)\b|wait_for_completion|clock_gettime"),
]
REST = "ring"  # system calls, completions, the loop
COLUMNS = ["receive", "core", "disk", "transmit", REST, "wait", "interrupts"]
HERTZ = "4999"


def record(pid, file, seconds):
    """Begins to sample; ends by itself."""
    return subprocess.Popen(
        ["perf", "record", "-q", "-o", str(file), "-p", str(pid), "-e", "cpu-clock", "-F", HERTZ, "-g", "--",
         "sleep", str(seconds)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def part_of(functions):
    text = " ".join(functions)
    return next((name for name, pattern in PARTS if re.search(pattern, text)), REST)


def shares(file):
    """Of all samples: {part: share}."""
    script = subprocess.run(["perf", "script", "-i", str(file), "-F", "ip,sym"], capture_output=True, text=True, check=True)
    counts = dict.fromkeys(COLUMNS, 0)
    for sample in script.stdout.split("\n\n"):
        frames = [line.split(None, 1) for line in sample.strip().splitlines()]
        # Frames of the program are only good as far as the first: it keeps no frame pointers.
        kernel = [frame[1] for frame in frames if len(frame) == 2 and frame[0].startswith("ffff")]
        program = [frame[1] for frame in frames if len(frame) == 2 and not frame[0].startswith("ffff")]
        if frames:
            counts[part_of(kernel or program[:1])] += 1
    total = sum(counts.values()) or 1
    return {part: count / total for part, count in counts.items()}
