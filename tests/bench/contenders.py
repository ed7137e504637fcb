# SPDX-License-Identifier: MIT
"""The ways to make a ring that are compared: netlab, the floor, the printed shell script, Mininet.

Each has up(nodes) and down(), which return the wall time in milliseconds of what they name, from before the start of the
process that does it to after its end, or to its word that it is ready where it stays. Only Mininet times itself, without the
start of Python."""

import json
import os
import subprocess

from measure import children, now_ms, run


def topology(nodes, routing="none"):
    """A ring of routers (two nodes: one link), both address families."""
    names = [f"n{i}" for i in range(nodes)]
    links = 1 if nodes == 2 else nodes
    return {
        "name": f"ring{nodes}{'' if routing == 'none' else routing}",
        "routing": routing,
        "defaults": {"node": {"kind": "router"}},
        "nodes": {name: {} for name in names},
        "links": [{"endpoints": [names[i], names[(i + 1) % nodes]]} for i in range(links)],
    }


def spawned(argv):
    """Wall time of a program, started without the detours of Python's subprocess."""
    before = now_ms()
    pid = os.posix_spawnp(argv[0], argv, os.environ)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took = now_ms() - before
    if code != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit code {code}")
    return took


class Netlab:
    def __init__(self, program, work, processor, routing="none"):
        self.name = "netlab" if routing == "none" else f"netlab ({routing})"
        self.command = [program, "--state-dir", f"{work}/state"]
        self.work, self.processor, self.routing, self.lab = work, processor, routing, None

    def file(self, nodes):
        path = f"{self.work}/ring{nodes}{self.routing}.json"
        if not os.path.exists(path):
            with open(path, "w", encoding="ascii") as f:
                json.dump(topology(nodes, self.routing), f)
        return path

    def timed(self, *argv):
        before = now_ms()
        run(self.command + list(argv), preexec_fn=self.processor.enter)
        return now_ms() - before

    def up(self, nodes):
        file = self.file(nodes)
        self.lab = topology(nodes, self.routing)["name"]
        return self.timed("up", "--quiet", "--timeout", "300s", file)

    def down(self):
        return self.timed("down", "--quiet", self.lab)

    def phases(self, nodes):
        """The phases of one `up -v`: a dictionary of milliseconds. Takes the lab down again."""
        done = subprocess.run(self.command + ["up", "-v", self.file(nodes)], stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True, check=True)
        self.lab = topology(nodes, self.routing)["name"]
        self.down()
        words = (line.split() for line in done.stderr.splitlines() if line.endswith(" ms"))
        return {w[1]: float(w[2]) for w in words}

    def root_process(self):
        """The supervisor."""
        return next(lab["pid"] for lab in json.loads(run(self.command + ["ls", "--json"])) if lab["name"] == self.lab)

    def processes(self):
        pid = self.root_process()
        return [pid] + children(pid)

    def run_true(self):
        """One `netlab run two-nodes.json -- true`, from before its exec to after its end."""
        return spawned(self.command + ["run", "--quiet", self.file(2), "--", "true"])


class Floor:
    name = "floor"

    def __init__(self, program, work, processor):
        self.program, self.hosts, self.processor, self.process = program, f"{work}/hosts", processor, None
        self.steps = {}
        with open(self.hosts, "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n")

    def up(self, nodes):
        before = now_ms()
        self.process = subprocess.Popen([self.program, str(nodes), self.hosts], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=self.processor.enter)
        line = self.process.stdout.readline()
        took = now_ms() - before
        if not line.endswith("ready\n"):
            raise RuntimeError(f"the floor did not come up: exit code {self.process.wait()}")
        self.steps = {k: float(v) for k, v in (word.split("=") for word in line.split()[:-1])}
        return took

    def down(self):
        before = now_ms()
        self.process.stdin.close()
        code = self.process.wait()
        took = now_ms() - before
        self.process.stdout.close()
        if code != 0:
            raise RuntimeError(f"the floor did not come down: exit code {code}")
        return took

    def root_process(self):
        return children(self.process.pid)[0]

    def processes(self):
        pid = self.root_process()
        return [pid] + children(pid)


class Script:
    name = "sh script"

    def __init__(self, netlab, work, processor):
        self.netlab, self.work, self.processor, self.file = netlab, work, processor, None

    def timed(self, verb):
        before = now_ms()
        # Its processes live on and keep their standard error: not a pipe, whose end would be waited for.
        code = subprocess.run(["sh", self.file, verb], env=dict(os.environ, NETLAB_SH_STATE=f"{self.work}/sh"),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=self.processor.enter,
                              check=False).returncode
        if code != 0:
            raise RuntimeError(f"sh {self.file} {verb}: exit code {code}")
        return now_ms() - before

    def up(self, nodes):
        self.file = f"{self.work}/ring{nodes}.sh"
        if not os.path.exists(self.file):
            text = run(self.netlab.command + ["plan", "--format", "sh", self.netlab.file(nodes)])
            with open(self.file, "w", encoding="ascii") as f:
                f.write(text)
        return self.timed("up")

    def down(self):
        return self.timed("down")


class Mininet:
    name = "Mininet 2.3"

    def __init__(self, processor):
        self.processor, self.took = processor, None

    def up(self, nodes):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mininet_ring.py")
        # Debian's own Python has Debian's Mininet.
        self.took = json.loads(run(["/usr/bin/python3", script, str(nodes)], preexec_fn=self.processor.enter))
        return self.took["up_ms"]

    def down(self):
        return self.took["down_ms"]
