# SPDX-License-Identifier: MIT
"""Three programs with a planted bug each (tests/support/planted): they pass on a clean link, and sweep finds seeds of a
lossy one with which they fail; the records of those runs fail when they are replayed. netlab-test: timeout=600 host"""
import os
import random
from concurrent.futures import ThreadPoolExecutor

from support import (SCRATCH, TOP, check, equal, load, main, matches, netlab, netlab_json, run,
                     topology)

BUILD = os.environ["NETLAB_BUILD"]
TEST = os.path.join(TOP, "tests/support/planted/transfer-test")
LOSS = {"loss": "3%"}
# copies that take long; what is above 'delay' arrives at once
STRAY = {"loss": "3%", "delay": "1ms", "jitter": "40ms", "jitter_reorders": True, "duplicate": "5%"}

# program: bytes of the file, what the link does each way, what a failing seed says last
BUGS = {
    "stop_and_wait": (450000, LOSS, LOSS, None),
    "selective_repeat": (36000, STRAY, LOSS, "differ: "),
    "store_and_commit": (2200000, LOSS, LOSS, "No such file or directory"),
}


def prepare(program, clean=False):
    """The topology, and the command that tests the program in it."""
    size, there, back, _ = BUGS[program]
    path = os.path.join(SCRATCH, program)
    with open(path, "wb") as file:
        file.write(random.Random(size).randbytes(size))
    # without IPv6, whose multicast reports come when the kernel likes and shift the dice
    lab = topology(["a", "b"], [{"name": "wan", "endpoints": ["a", "b"],
                                 **({} if clean else {"->": there, "<-": back})}],
                   name="transfer", addressing={"ipv6": False})
    return lab, (TEST, program, path)


def passes_on_a_clean_link(program):
    lab, command = prepare(program, clean=True)
    swept = netlab_json("sweep", lab, "--seeds", "1..6", "--timeout", "30s", "--", *command)
    equal((swept["passed"], swept["failures"]), (6, []), program)


def find_failure(program):
    """The record of a run that failed: with 3 % of losses one in thirty does, or more."""
    lab, command = prepare(program)
    records = os.path.join(SCRATCH, program + ".records")
    swept = netlab_json("sweep", lab, "--seeds", "30..430", "--jobs", "6", "--timeout", "8s", "--until-fail",
                        "--record", records, "--", *command, status=1)
    failure = swept["failures"][0]
    words = BUGS[program][3]
    if words is None:
        equal(failure["verdict"], "timeout", program, "hangs")
    else:
        equal(failure["verdict"], "failed", program)
        matches(failure["last_words"], words)
    equal(os.listdir(records).count(f"seed-{failure['seed']}"), 1, "records of", failure["seed"])
    summary = load(os.path.join(failure["record"], "summary.json"))
    check(summary["complete"] and summary["decisions"] >= 50, program, summary)
    return failure


def replays(record, failure):
    """It fails again and again, in the same way."""
    limit = ("--timeout", "5s") if failure["verdict"] == "timeout" else ("--timeout", "30s")

    def once(i):
        return netlab("-q", "replay", record, "--name", f"again-{i}", *limit, status=None).returncode

    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(once, range(20)))
    check(codes.count(failure["exit"]) >= 19, f"exit codes of replays, not {failure['exit']}:", codes)


def try_bug(program):
    passes_on_a_clean_link(program)
    failure = find_failure(program)
    replays(failure["record"], failure)


def test_the_last_acknowledgement():
    try_bug("stop_and_wait")


def test_a_late_copy():
    try_bug("selective_repeat")


def test_a_slow_connection():
    try_bug("store_and_commit")


def test_nothing_is_left():
    equal(netlab_json("ls"), [], "labs")
    check(not run("pgrep", "-f", f"^{BUILD}/tests/planted_", status=None).stdout, "programs are left")


if __name__ == "__main__":
    main(globals())
