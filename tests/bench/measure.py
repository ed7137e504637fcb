# SPDX-License-Identifier: MIT
"""What the benchmark measures with: wall time, processor time, memory, and the end of the kernel's cleaning up."""

import os
import statistics
import subprocess
import tempfile
import time


def run(argv, **more):
    """Runs a program that must succeed; returns its standard output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build_netlab():
    for argv in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", "netlab"]):
        run(argv, cwd=TOP)


def build_program(name):
    """tests/bench/NAME.c, as build/bench/NAME."""
    os.makedirs(f"{TOP}/build/bench", exist_ok=True)
    run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
         "-o", f"{TOP}/build/bench/{name}", f"{TOP}/tests/bench/{name}.c"])


def median(values):
    return statistics.median(values)


def spread(values):
    """Smallest, median, largest."""
    return {"min": min(values), "median": median(values), "max": max(values), "n": len(values)}


class Processor:
    """Processor time of everything started through it, children of children included: a cgroup of version 2, which
    accounts without any controller. What the kernel's own threads do for it is not in there."""

    def __init__(self):
        self.path = None
        for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            if os.path.exists(f"{root}/cgroup.procs") and os.path.exists(f"{root}/cgroup.controllers"):
                self.path = tempfile.mkdtemp(prefix="netlab-bench-", dir=root)
                break

    def enter(self):
        """To be called in a child before exec."""
        if self.path:
            with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(os.getpid()))

    def used_ms(self):
        if not self.path:
            return 0.0
        with open(f"{self.path}/cpu.stat", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("usage_usec")) / 1e3

    def close(self):
        if self.path:
            os.rmdir(self.path)


class Witness:
    """Tells when the kernel has destroyed all network namespaces that have died before.

    It does so in batches, in order, in a kernel thread, long after the processes are gone. The witness is a namespace
    with one end of a veth pair; when it is destroyed, the other end vanishes from a namespace that stays. A second one,
    which dies when the first has been destroyed, is in a later batch: with it the first one's batch is done."""

    def __init__(self):
        self.keeper = self.hold()
        self.monitor = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + self.inside("ip", "monitor", "link"),
                                        stdout=subprocess.PIPE, text=True)

    @staticmethod
    def hold():
        """A process with a network namespace of its own, which dies with us."""
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net",
                                    "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    def inside(self, *argv):
        return ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", *argv]

    def destroyed(self):
        """Returns when all that died before this call is destroyed."""
        for name in ("first", "second"):
            dying = self.hold()
            run(self.inside("ip", "link", "add", name, "type", "veth", "peer", "name", "w", "netns", str(dying.pid)))
            dying.kill()
            dying.wait()
            while True:
                line = self.monitor.stdout.readline()
                if not line:
                    raise RuntimeError("'ip monitor' ended")
                if line.startswith("Deleted") and name in line:
                    break

    def close(self):
        for process in (self.monitor, self.keeper):
            process.kill()
            process.wait()


def meminfo():
    """The lines of /proc/meminfo, in KiB."""
    values = {}
    with open("/proc/meminfo", encoding="ascii") as f:
        for line in f:
            name, value = line.split(":")
            values[name] = int(value.split()[0])
    return values


def children(pid):
    """All descendants of a process, children first, in the order of their pids."""
    below = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        below.setdefault(parent, []).append(int(entry))
    found, next_to = [], [pid]
    while next_to:
        level = [child for parent in next_to for child in sorted(below.get(parent, []))]
        found += level
        next_to = level
    return found


def pss_kib(pids):
    """Proportional set size of processes: what they use, shared pages divided among their users."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return total


def now_ms():
    return time.monotonic_ns() / 1e6
