# SPDX-License-Identifier: MIT
"""libpcap is loaded when there is an expression, and only then; without it, what has one says so.
netlab-test: host"""
import json
import os

from support import NETLAB, SCRATCH, check, equal, main, matches, run

TOPOLOGY = {"nodes": {"a": {}, "b": {}}, "links": [{"endpoints": ["a", "b"]}]}
FAULTS = [{"link": "a--b", "match": "icmp", "nth": 1, "do": "drop"}]


def checked(name, topology, **more):
    path = os.path.join(SCRATCH, name)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(topology, f)
    return run(NETLAB, "check", path, status=None, **more)


def without_libpcap():
    """An environment in which the loader finds something that is no library."""
    broken = os.path.join(SCRATCH, "broken")
    os.makedirs(broken, exist_ok=True)
    for name in ("libpcap.so.0.8", "libpcap.so.1"):
        with open(os.path.join(broken, name), "w", encoding="ascii") as f:
            f.write("no library\n")
    return {**os.environ, "LD_LIBRARY_PATH": broken}


def loaded(name, topology):
    """The libraries that the loader opened."""
    done = checked(name, topology, env={**os.environ, "LD_DEBUG": "files"})
    equal(done.returncode, 0, done.stderr)
    return done.stderr


def test_loaded_when_needed():
    check("libjansson" in loaded("plain.json", TOPOLOGY), "LD_DEBUG tells nothing")
    check("libpcap" not in loaded("plain.json", TOPOLOGY), "loaded without an expression")
    check("libpcap" in loaded("faults.json", {**TOPOLOGY, "faults": FAULTS}), "not loaded for an expression")


def test_missing():
    env = without_libpcap()
    equal(checked("plain.json", TOPOLOGY, env=env).returncode, 0)
    done = checked("faults.json", {**TOPOLOGY, "faults": FAULTS}, env=env)
    matches(done.stdout, "pcap expressions need libpcap: .*libpcap.so.0.8.*")
    matches(done.stdout, "install it")
    equal(done.returncode, 3, done.stdout)


if __name__ == "__main__":
    main(globals())
