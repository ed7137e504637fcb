# SPDX-License-Identifier: MIT
"""A lab of netlab's to measure in, and what moves packets through it."""

import contextlib
import json
import os
import subprocess

from measure import TOP, run

NETLAB = os.environ.get("NETLAB", f"{TOP}/build/release/netlab")
TRAFFIC = f"{TOP}/build/bench/traffic"


class Lab:
    """Two nodes (or a topology) of netlab's, in a state directory of their own."""

    def __init__(self, work, links, engine=None, nodes=None):
        self.state = f"{work}/state"
        # of the lab's user namespace: sinks want buffers beyond the host's limit
        topology = {"name": "bench", "defaults": {"node": {"share": ["user"]}}, "nodes": nodes or {"a": {}, "b": {}},
                    "links": links}
        with open(f"{work}/bench.json", "w", encoding="utf-8") as f:
            json.dump(topology, f)
        run([NETLAB, "--state-dir", self.state, "up", "--quiet", f"{work}/bench.json"]
            + (["--engine", engine] if engine else []))
        self.show = json.loads(run([NETLAB, "--state-dir", self.state, "--json", "show", "bench"]))

    def address(self, node, link=0):
        return self.show["nodes"][node]["interfaces"][link]["addresses"][0].split("/")[0]

    def argv(self, node, *argv):
        return [NETLAB, "--state-dir", self.state, "exec", node, "--", *argv]

    def stats(self):
        return json.loads(run([NETLAB, "--state-dir", self.state, "--json", "stats", "bench"]))

    def wire_cpu_s(self):
        """Processor time of the wire process."""
        return cpu_s("netlab-wire")

    def close(self):
        run([NETLAB, "--state-dir", self.state, "down", "bench"])


def cpu_s(comm):
    """Processor seconds so far of all processes of that name."""
    total = 0.0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                text = f.read()
            if text[text.index("(") + 1:text.rindex(")")] == comm:
                fields = text.rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


@contextlib.contextmanager
def started(argv, ready):
    """A program that has said so, on its standard output or error; killed when the block ends in an exception."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        stream = getattr(process, ready[0])
        while ready[1] not in (line := stream.readline()):
            if not line:
                raise RuntimeError(f"{argv[-1]}: {process.stderr.read()}")
        yield process
    finally:
        process.kill()
        process.communicate()


def iperf(place, seconds):
    """TCP from a to b, Gb/s."""
    with started(place.argv("b", "iperf3", "-s", "-1", "--forceflush"), ("stdout", "listening")):
        text = run(place.argv("a", "iperf3", "-c", place.address("b"), "-t", str(seconds), "-J"))
    return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 1e9


def flood(place, seconds, size, pps, port=9000, window_ms=0.0, sockets=1):
    """UDP from a to b: what was sent and what came."""
    mode = ["sink", str(port), str(seconds + 5), str(window_ms)] if sockets == 1 else \
        ["sinks", str(port), str(seconds + 5), str(sockets)]
    with started(place.argv("b", TRAFFIC, *mode), ("stderr", "ready")) as sink:
        sent = json.loads(run(place.argv("a", TRAFFIC, "flood", place.address("b"), str(port), str(seconds), str(size),
                                         str(pps), str(sockets))))
        came = json.loads(sink.stdout.read())
    return sent, came


def host_losses(lab):
    return sum(d["dropped_host"] for link in lab.stats()["links"].values() for d in (link["->"], link["<-"]))
