# SPDX-License-Identifier: MIT
"""What the integration tests share: labs in a state directory of their own, checks, the probe.

A test file defines functions test_*() and calls main(globals()). Each takes nothing, raises when
something is not as it must be, and may leave labs behind: they are taken down after it."""
import atexit
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

NETLAB = os.environ["NETLAB"]
PROBE = os.environ["NETLAB_PROBE"]
TOP = os.environ["NETLAB_TOP"]
IN_VM = os.environ.get("NETLAB_VM") == "1"

SCRATCH = tempfile.mkdtemp(prefix="netlab-test-")
STATE = os.path.join(SCRATCH, "state")


class Failed(Exception):
    """Something is not as it must be."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what) or "check failed")


def equal(got, want, *what):
    if got != want:
        raise Failed(f"{' '.join(map(str, what))}: got {got!r}, not {want!r}")


def between(got, low, high, *what):
    if not low <= got <= high:
        raise Failed(f"{' '.join(map(str, what))}: got {got}, not within {low} .. {high}")


def matches(text, pattern, *what):
    if not re.search(pattern, text):
        raise Failed(f"{' '.join(map(str, what))}: no {pattern!r} in {text!r}")


def run(*argv, stdin="", status=0, timeout=300, **options):
    """Runs a program to its end; its standard input is a pipe. status None: any exit is right."""
    done = subprocess.run([str(a) for a in argv], input=stdin, text=True, capture_output=True,
                          timeout=timeout, check=False, **options)
    if status is not None and done.returncode != status:
        raise Failed(f"{' '.join(map(str, argv))}\n  ended with {done.returncode}, not {status}\n"
                     f"  stdout: {done.stdout[-2000:]}\n  stderr: {done.stderr[-2000:]}")
    return done


def netlab(*argv, **options):
    return run(NETLAB, "--state-dir", STATE, *argv, **options)


def netlab_json(*argv, **options):
    return json.loads(netlab("--json", *argv, **options).stdout)


def start(*argv, **options):
    """Starts netlab and goes on; the caller waits for it."""
    return subprocess.Popen([NETLAB, "--state-dir", STATE, *map(str, argv)], text=True, **options)


def topology(nodes, links, name=None, **more):
    """Writes a topology; nodes may be a list of names or an object, links a list of
    [A, B, {keys}] or objects. Returns the path."""
    if not isinstance(nodes, dict):
        nodes = {node: {} for node in nodes}
    links = [link if isinstance(link, dict) else
             {"endpoints": list(link[:2]), **(link[2] if len(link) > 2 else {})} for link in links]
    handle, path = tempfile.mkstemp(suffix=".json", dir=SCRATCH)
    with os.fdopen(handle, "w") as file:
        json.dump({"name": name or "lab", "nodes": nodes, "links": links, **more}, file)
    return path


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Lab:
    """A lab that is up. Node names need no lab name: one is made for each Lab."""

    count = 0

    def __init__(self, path, *options, timeout="200s"):
        Lab.count += 1
        self.name = f"t{Lab.count}"
        netlab("up", path, "--name", self.name, "--timeout", timeout, *options)
        self.told = None

    def exec(self, node, *argv, options=(), **more):
        return netlab("exec", *options, f"{self.name}:{node}", "--", *argv, **more)

    def popen(self, node, *argv, **more):
        """The same, and goes on while it runs."""
        return subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{self.name}:{node}", "--", *argv], **more)

    def out(self, node, *argv, **more):
        return self.exec(node, *argv, **more).stdout

    def json(self, node, *argv):
        return json.loads(self.out(node, *argv) or "[]")

    def show(self):
        return netlab_json("show", self.name)

    def link(self, verb, name, *words):
        netlab("link", verb, f"{self.name}:{name}", *words)

    def link_show(self, name):
        return netlab_json("link", "show", f"{self.name}:{name}")[name]

    def pid(self, node):
        if self.told is None:
            self.told = self.show()
        return self.told["nodes"][node]["pid"]

    def address(self, node, family=4):
        if self.told is None:
            self.told = self.show()
        for interface in self.told["nodes"][node]["interfaces"]:
            for address in interface["addresses"]:
                if (":" in address) == (family == 6):
                    return address.split("/")[0]
        raise Failed(f"node '{node}' has no address of IPv{family}")

    def fabric(self, *argv):
        """Runs a program in the fabric: the lab's own namespace, its first process's."""
        ns = f"/proc/{self.show()['pid']}/ns"
        # without root, in the lab's user namespace first
        user = [] if os.geteuid() == 0 else [f"--user={ns}/user", "--preserve-credentials"]
        return run("nsenter", *user, f"--net={ns}/net", *argv).stdout

    def udp(self, source, dest, count, *options, family=4):
        """Sends numbered packets, tells what became of them."""
        return json.loads(run(*self.udp_command(source, dest, count, *options,
                                                family=family)).stdout)

    def udp_command(self, source, dest, count, *options, family=4):
        return [PROBE, "udp", "--from", str(self.pid(source)), "--to", str(self.pid(dest)),
                "--dest", self.address(dest, family), "--count", str(count), *map(str, options)]

    def down(self):
        netlab("down", self.name)


def daemon_lab(name):
    """A lab with real daemons: topologies/daemons/NAME.json, up when its services are ready."""
    return Lab(os.path.join(TOP, "topologies", "daemons", name + ".json"))


def route(lab, node, dest):
    """How a node would send to an address: ip-route(8)'s object with "dev", perhaps "gateway"; None = not at all."""
    done = lab.exec(node, "ip", "-j", "route", "get", dest, status=None)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def wait_for_route(lab, node, dest, dev, seconds=60):
    """Waits until a node's kernel sends to an address by an interface."""
    wait_for(lambda: (route(lab, node, dest) or {}).get("dev") == dev, f"{node}'s route to {dest} by {dev}",
             seconds=seconds)


class Stream:
    """Numbered packets that flow while the test does something else."""

    def __init__(self, lab, source, dest, *options, most=1000000):
        self.process = subprocess.Popen(
            lab.udp_command(source, dest, most, "--until-eof", *options), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self):
        out, _ = self.process.communicate(timeout=120)
        equal(self.process.returncode, 0, "probe")
        return json.loads(out)


@functools.cache
def have_netem():
    return run("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem",
               status=None).returncode == 0


def need_netem():
    if not have_netem():
        raise Skipped("this kernel has no sch_netem")


def need_root():
    """Of the host: in a user namespace, root has what its user has."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        if os.geteuid() != 0 or file.read().split() != ["0", "0", "4294967295"]:
            raise Skipped("this is for root")


class Skipped(Exception):
    """This case needs what the kernel lacks."""


def in_vm_too(function):
    """Marks a case to which netem or the VM's kernel matters. Of a file that marks any, the VM leaves the others to the
    host, which tools/test lets run them in the same breath: the VM's processor is emulated."""
    function.in_vm_too = True
    return function


def wait_for(condition, *what, seconds=60):
    """Polls what nothing announces; fails at the end of the time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("waited in vain for " + " ".join(map(str, what)))
        time.sleep(0.02)


def _clean_up():
    if os.path.isdir(STATE):
        subprocess.run([NETLAB, "--state-dir", STATE, "-q", "down", "--all"], check=False,
                       stdin=subprocess.DEVNULL)
    shutil.rmtree(SCRATCH, ignore_errors=True)


def main(names):
    """Runs the test_*() of a file (or those that the arguments name); exit code 77 when the kernel
    lets none of them run."""
    atexit.register(_clean_up)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    wanted = sys.argv[1:]
    cases = {name: function for name, function in names.items() if name.startswith("test_")}
    marked = {name for name, function in cases.items() if hasattr(function, "in_vm_too")}
    failed = passed = left = 0
    for name, function in cases.items():
        if wanted and name not in wanted:
            continue
        if marked and name not in marked and "NETLAB_HOST_RAN" in os.environ:
            left += 1
            continue
        began = time.monotonic()
        verdict = "ok"
        try:
            function()
            passed += 1
        except Skipped as reason:
            verdict = f"skipped: {reason}"
            if marked and name not in marked and "NETLAB_MUST_WORK" in os.environ:
                verdict += "; FAILED: the VM leaves it out, too"
                failed += 1
        except Exception:  # the other cases still tell something
            traceback.print_exc(file=sys.stdout)
            verdict = "FAILED"
            failed += 1
        if os.path.isdir(STATE):
            netlab("-q", "down", "--all", status=None)
        print(f"{name:44} {time.monotonic() - began:6.1f} s  {verdict}", flush=True)
    if left:
        print(f"{left} cases were left to the host")
    if failed:
        sys.exit(1)
    sys.exit(0 if passed else 77)
