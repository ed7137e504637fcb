# SPDX-License-Identifier: MIT
"""What scripts rely on: the shapes of --json, and that the tables for people say the same.
netlab-test: timeout=700 host"""
import json
import os
import re
import subprocess

from support import (NETLAB, STATE, Lab, check, equal, main, matches, need_root, netlab, netlab_json, run,
                     topology, wait_for)


def is_like(value, shape, where="answer"):
    """A shape: a type, a value, [shape of each], {key: shape, ...: shape of other keys}."""
    if isinstance(shape, type) or isinstance(shape, tuple):
        check(isinstance(value, shape) and not (shape is int and isinstance(value, bool)),
              f"{where}: {value!r} is no {shape}")
    elif isinstance(shape, list):
        check(isinstance(value, list), f"{where}: {value!r} is no list")
        for i, entry in enumerate(value):
            is_like(entry, shape[0], f"{where}[{i}]")
    elif isinstance(shape, dict):
        check(isinstance(value, dict), f"{where}: {value!r} is no object")
        for key, inner in shape.items():
            if key is not ...:
                check(key in value, f"{where}: no '{key}' in {sorted(value)}")
                is_like(value[key], inner, f"{where}.{key}")
        for key in value.keys() - shape.keys():
            check(... in shape, f"{where}: unknown key '{key}'")
            is_like(value[key], shape[...], f"{where}.{key}")
    else:
        equal(value, shape, where)


ANY = (dict, list, str, int, float, bool, type(None))
NUMBER = (int, float)
INTERFACE = {"name": str, "mac": str, "addresses": [str], "link": (str, type(None)), ...: ANY}
NODE = {"kind": str, "pid": int, "interfaces": [INTERFACE], "services": [{"name": str, "state": str,
        ...: ANY}], ...: ANY}
LINK = {"endpoints": [str], "join": str, "->": dict, "<-": dict, ...: ANY}
UNITS = re.compile(r"_(ns|us|ms|s|bps|bytes|packets)$")


def lab_file():
    return topology({"a": {"services": [{"name": "talk", "run": ["sh", "-c", "echo one; echo two"]}]},
                     "r": {"kind": "router"}, "b": {}},
                    [["a", "r"], {"name": "wan", "endpoints": ["r", "b"], "rate": "10mbit"}])


def test_up_ls_down():
    path = lab_file()
    told = netlab_json("up", path, "--seed", "7")
    is_like(told, {"name": "lab", "seed": 7, "nodes": 3, "links": 2, "pid": int, "elapsed_ms": NUMBER})
    labs = netlab_json("ls")
    is_like(labs, [{"name": "lab", "nodes": 3, "links": 2, "engine": "auto", "pid": told["pid"],
                    "started": str, "uptime_s": NUMBER, "state": "running"}])
    equal(len(labs), 1, "labs")
    matches(labs[0]["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    matches(netlab("ls").stdout, r"(?s)^NAME +NODES +LINKS.*\nlab +3 +2 +auto +running")
    is_like(netlab_json("down"), [{"name": "lab", "was_running": True}])
    equal(netlab_json("ls"), [], "labs")


def test_show():
    lab = Lab(lab_file())
    told = lab.show()
    is_like(told, {"name": lab.name, "seed": int, "engine": "auto", "nodes": {...: NODE},
                   "links": {...: LINK}, ...: ANY})
    equal(set(told["nodes"]), {"a", "r", "b"}, "nodes")
    equal(set(told["links"]), {"a--r", "wan"}, "links")
    wan = told["links"]["wan"]
    equal((wan["endpoints"], wan["->"]["rate_bps"]), (["r:eth1", "b:eth0"], 10_000_000), "wan")
    check(wan["join"] in ("netem", "wire"), "join", wan["join"])
    equal(told["nodes"]["r"]["kind"], "router", "kind")
    one = netlab_json("show", lab.name, "b")
    equal(set(one["nodes"]), {"b"}, "show of a node")
    one = netlab_json("show", lab.name, "wan")
    equal(set(one["links"]), {"wan"}, "show of a link")
    is_like(netlab_json("link", "show", f"{lab.name}:wan"), {"wan": LINK})
    text = netlab("show", lab.name).stdout
    for word in ("wan", "a--r", "10mbit", lab.address("b"), lab.address("b", 6), str(told["seed"]),
                 str(lab.pid("b"))):
        check(word in text, f"'{word}' is not in the text of show")
    for way in ("->", "<-"):
        for key, value in wan["in_force"][way].items():
            check(not isinstance(value, (int, float)) or UNITS.search(key) or
                  key in ("seed", "gap", "duplicate", "corrupt", "reorder"), "no unit:", key)


def test_ps():
    lab = Lab(lab_file())
    shape = {"node": str, "pid": int, "ppid": int, "user": str, "state": str,
             "frozen": bool, "command": str}
    told = netlab_json("ps", lab.name)
    is_like(told, [shape])
    equal({p["node"] for p in told}, {"a", "r", "b"}, "nodes with processes")
    for process in told:
        check(process["state"] == "Z" or os.path.exists(f"/proc/{process['pid']}"), process)
    matches(netlab("ps", lab.name).stdout, r"^NODE +PID +PPID +USER +STATE +COMMAND\n")


def test_ps_of_inner_namespaces():
    """A container's processes, or an inner lab's, are the node's, too."""
    need_root()
    lab = Lab(topology({"a": {"privileged": True}, "b": {}}, [["a", "b"]]))
    with subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:a", "unshare", "-fp", "unshare", "-fp",
                           "sh", "-c", "echo up; exec sleep 1000"], stdout=subprocess.PIPE, text=True) as process:
        equal(process.stdout.readline(), "up\n", "a command")
        told = wait_for(lambda: [p for p in netlab_json("ps", lab.name) if p["command"] == "sleep 1000"], "its line")
        equal([p["node"] for p in told], ["a"], "whose it is")
        process.kill()


def test_logs():
    lab = Lab(lab_file())
    wait_for(lambda: netlab("logs", f"{lab.name}:a").stdout.count("\n") == 2, "two lines")
    lines = [json.loads(line) for line in netlab("--json", "logs", f"{lab.name}:a").stdout.splitlines()]
    is_like(lines, [{"node": "a", "service": "talk", "time": str, "line": str}])
    equal([line["line"] for line in lines], ["one", "two"], "lines")


def test_link_changes():
    lab = Lab(lab_file())
    for words in (["set", f"{lab.name}:wan", "rate=5mbit"], ["down", f"{lab.name}:wan"],
                  ["up", f"{lab.name}:wan"], ["clear", f"{lab.name}:wan"]):
        is_like(netlab_json("link", *words), {"lab": lab.name, "link": "wan"})


def test_errors():
    path = lab_file()
    lab = Lab(path)
    shape = {"error": {"code": int, "message": str, "where": (str, type(None)),
                       "hint": (str, type(None))}, ...: ANY}
    for words, code in ((["exec", f"{lab.name}:nobody", "--", "true"], 125),
                        (["show", "no-such-lab"], 1), (["up", path, "--name", lab.name], 1),
                        (["link", "set", f"{lab.name}:wan", "rate=10mbps"], 2)):
        done = run(NETLAB, "--state-dir", STATE, "--json", *words, status=code)
        is_like(json.loads(done.stdout), shape)
    bad = topology(["a"], [["a", "zz"], ["a", "yy"]], whatever=1)
    done = run(NETLAB, "--json", "check", bad, status=3)
    told = json.loads(done.stdout)
    is_like(told, {"ok": False, "errors": [{"where": str, "message": str,
                                            "hint": (str, type(None)), ...: ANY}], "warnings": list})
    check(len(told["errors"]) >= 3, "all problems at once:", told)
    is_like(json.loads(run(NETLAB, "--json", "check", path).stdout),
            {"ok": True, "errors": [], "warnings": list})


def test_no_color_in_a_pipe():
    lab = Lab(lab_file())
    for words in (["ls"], ["show", lab.name], ["ps", lab.name]):
        check("\x1b" not in netlab(*words).stdout, words)
        check("\x1b" not in netlab("--color", "never", *words).stdout, words)


if __name__ == "__main__":
    main(globals())
