# SPDX-License-Identifier: MIT
"""A lab is usable the instant 'up' returns, every time; and nothing is left the instant 'down' does.
netlab-test: timeout=900"""
import glob
import os
import re

from support import (IN_VM, NETLAB, STATE, Lab, check, equal, in_vm_too, main, matches, netlab, netlab_json,
                     run, topology)

ROUNDS = 8 if IN_VM else 50


def two_and_a_router():
    return topology({"a": {}, "r": {"kind": "router"}, "sw": {"kind": "switch"}, "b": {}, "c": {}},
                    [["a", "r"], ["r", "sw"], ["b", "sw"], ["c", "sw"]])


@in_vm_too
def test_ping_by_name_at_once():
    path = two_and_a_router()
    for _ in range(ROUNDS):
        lab = Lab(path)
        # -W 1 and one packet: no second chance
        lab.exec("a", "ping", "-4", "-n", "-c", "1", "-W", "1", "b")
        lab.exec("c", "ping", "-6", "-n", "-c", "1", "-W", "1", "a")
        lab.down()
        check(not os.path.exists(os.path.join(STATE, lab.name)), "a run directory is left")


@in_vm_too
def test_run_is_usable_at_once():
    path = two_and_a_router()
    for _ in range(ROUNDS):
        netlab("run", path, "--in", "b", "--", "ping", "-n", "-c", "1", "-W", "1", "a")


def lives(pid):
    """A zombie is nobody's any more: whoever adopted it has not looked yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_about(text):
    """Live processes, of any namespace, that have a text in their command line."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if text.encode() in file.read() and lives(path.split("/")[2]):
                    found.append(path)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def test_nothing_is_left():
    lab = Lab(two_and_a_router())
    told = lab.show()
    mine = [told["pid"]] + [node["pid"] for node in told["nodes"].values()]
    # inits have a command line of their own
    check(f"/proc/{told['pid']}/cmdline" in processes_about(STATE), "the lab's supervisor is seen")
    lab.down()
    equal([pid for pid in mine if lives(pid)], [], "processes left")
    equal(processes_about(STATE), [], "processes left")
    equal(os.listdir(STATE), [], "run directories")
    equal(netlab_json("ls"), [], "labs")


def test_down_twice():
    lab = Lab(two_and_a_router())
    equal(netlab_json("down", lab.name), [{"name": lab.name, "was_running": True}], "down")
    equal(netlab_json("down", lab.name), [{"name": lab.name, "was_running": False}], "down again")


def test_one_name_twice():
    path = two_and_a_router()
    lab = Lab(path)
    matches(netlab("up", path, "--name", lab.name, status=1).stderr, lab.name)
    lab.exec("a", "ping", "-n", "-c", "1", "-W", "1", "b")


def phases_of(path):
    """What 'up -v' tells: the sum of its phases, and the whole."""
    told = netlab("-v", "up", path).stderr
    phases = re.findall(r"^netlab: ([a-z-]+) +([\d.]+) ms$", told, re.M)
    names = [name for name, _ in phases]
    for name in ("nodes", "links", "joins", "addresses", "shaping", "services", "up"):
        check(name in names, f"no phase '{name}' in {names}")
    parts = sum(float(ms) for name, ms in phases if name != "up")
    whole = float(dict(phases)["up"])
    check(parts <= whole * 1.01 + 0.1, f"phases of {parts} ms in an up of {whole} ms")
    equal(netlab("-q", "down").stderr, "", "what -q says")
    return parts, whole


def test_phases():
    path = two_and_a_router()
    # between two phases a busy machine does something else
    told = [phases_of(path) for _ in range(5)]
    check(any(parts >= whole * 0.5 for parts, whole in told), f"phases tell little of the whole: {told}")


def test_fails_without_a_trace():
    # a lab that cannot come up: a service's program is missing
    path = topology({"a": {"services": [{"name": "no", "run": ["/nonexistent/program"]}]}, "b": {}},
                    [["a", "b"]])
    before = os.listdir(STATE) if os.path.isdir(STATE) else []
    done = run(NETLAB, "--state-dir", STATE, "up", path, status=None)
    check(done.returncode in (1, 4), "exit code", done.returncode)
    matches(done.stderr, "/nonexistent/program")
    equal(os.listdir(STATE), before, "run directories")


if __name__ == "__main__":
    main(globals())
