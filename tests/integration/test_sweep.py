# SPDX-License-Identifier: MIT
"""netlab sweep: seeds that fail are those that fail by `run --seed`; ends of all kinds leave nothing; what was
interrupted goes on. netlab-test: timeout=600 host"""
import json
import os
import signal
import subprocess
import xml.etree.ElementTree

from support import (IN_VM, NETLAB, SCRATCH, STATE, check, equal, main, matches, netlab, netlab_json, run,
                     topology, wait_for)

# ping waits for the last answer twice as long as it did for the slowest: on a busy machine that must not be microseconds
LOSSY = {"endpoints": ["a", "b"], "loss": "10%", "delay": "100ms"}


def lossy():
    # without IPv6, whose multicast reports come when the kernel likes and count as packets
    return topology(["a", "b"], [LOSSY], name="lossy", addressing={"ipv6": False})


def left():
    """What there is of labs: none may be listed, and the state directory is as empty as before any."""
    return netlab_json("ls"), sorted(n for n in os.listdir(STATE) if not n.startswith(".wire"))


def test_verdicts():
    """Datagrams of a fixed number, so that which are lost follows from the seed alone."""
    path = lossy()
    command = ["ping", "-q", "-c", "6", "-i", "0.02", "-W", "1", "b"]
    # ping's exit code is 0 when any answer came: what is asked here is that all did
    script = f'{" ".join(command)} | tee /dev/stderr | grep -q " 6 received"'
    seeds = range(1, 13)
    swept = netlab_json("sweep", path, "--seeds", "1..12", "--in", "a", "--", "sh", "-c", script,
                        status=None)
    failed = {entry["seed"] for entry in swept["failures"]}
    check(0 < len(failed) < len(seeds), "some seeds fail and some do not:", swept)
    equal(swept["passed"] + swept["failed"], len(seeds), "seeds")
    equal({entry["exit"] for entry in swept["failures"]}, {1}, "exit codes")
    matches(swept["failures"][0]["last_words"], "^rtt |packet loss", "what a failing one wrote last")
    for seed in seeds:
        done = netlab("-q", "run", path, "--seed", seed, "--in", "a", "--", "sh", "-c", script,
                      status=None)
        equal(done.returncode != 0, seed in failed, f"seed {seed} by run, and by sweep {failed}")
    equal(left(), ([], []), "left")


def test_environment():
    """Labs side by side have names and seeds of their own."""
    notes = os.path.join(SCRATCH, "notes")
    swept = netlab_json("sweep", lossy(), "--seeds", "5..16,99", "--jobs", "4", "--", "sh", "-c",
                        f'echo "$NETLAB_SEED $NETLAB_LAB $("{NETLAB}" exec a hostname)" >>{notes}; read x',
                        status=1)
    # the command's standard input is empty, so `read` fails
    equal((swept["failed"], swept["jobs"]), (13, 4), "all fail")
    with open(notes, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    equal(sorted(int(line[0]) for line in lines), [*range(5, 17), 99], "seeds")
    equal(len({line[1] for line in lines}), 13, "names")
    equal({line[2] for line in lines}, {"a"}, "the node")
    equal(left(), ([], []), "left")


def test_time_limit_and_junit():
    junit = os.path.join(SCRATCH, "junit.xml")
    done = netlab("sweep", lossy(), "--seeds", "1..4", "--timeout", "20s" if IN_VM else "2s", "--junit", junit, "--", "sh",
                  "-c", "echo seed $NETLAB_SEED; test $NETLAB_SEED != 3 || exec sleep 1000", status=1)
    matches(done.stdout, r"(?m)^ +3 +timeout +\d+\.\d+ s +seed 3$")
    suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
    equal({k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")},
          {"tests": "4", "failures": "1", "errors": "0", "skipped": "0"}, "JUnit")
    failure = suite.find("testcase[@name='seed 3']/failure")
    equal((failure.get("type"), failure.get("message"), failure.text),
          ("timeout", "timeout: seed 3", "seed 3\n"), "JUnit's failure")
    equal(left(), ([], []), "left")


def test_until_fail():
    swept = netlab_json("sweep", lossy(), "--seeds", "1..100000", "--until-fail", "--jobs", "3", "--",
                        "sh", "-c", "test $NETLAB_SEED != 7 || exit 5; test $NETLAB_SEED -lt 8 || sleep 1000",
                        status=1)
    equal([(entry["seed"], entry["exit"]) for entry in swept["failures"]], [(7, 5)], "failures")
    check(swept["passed"] <= 6, "those that were running when it failed may not count:", swept)
    equal(left(), ([], []), "left")


def test_command_not_found():
    for where in ((), ("--in", "a")):
        done = netlab("sweep", lossy(), "--seeds", "1..100000", *where, "--", "no-such-program", status=127)
        equal(done.stderr.count("no-such-program"), 1, "said once:", done.stderr)
        equal(done.stdout, "", "on stdout")
        netlab("sweep", lossy(), "--seeds", "1..100000", *where, "--", "/etc", status=126)
    equal(left(), ([], []), "left")


def test_interrupted_and_resumed():
    path = lossy()
    journal = os.path.join(SCRATCH, "journal")
    notes = os.path.join(SCRATCH, "seeds-run")
    seeds = 60
    # a mark that only these commands have, to find what is left of them
    mark = f"{os.getpid()}0.5"
    command = ["sweep", path, "--seeds", f"1..{seeds}", "--jobs", "3", "--resume", journal, "--", "sh", "-c",
               f"echo $NETLAB_SEED >>{notes}; test $NETLAB_SEED = 2 && exit 1; test -e {notes}.go || exec sleep {mark}"]

    def count():
        if not os.path.exists(notes):
            return 0
        with open(notes, encoding="utf-8") as file:
            return len(file.readlines())

    def running():
        return run("pgrep", "-f", f"^sleep {mark}", status=None).stdout.split()

    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        before = count()
        process = subprocess.Popen([NETLAB, "--state-dir", STATE, *command], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        # three that do not end are running
        wait_for(lambda: count() >= before + 3 and len(running()) == 3, "three commands that wait")
        if number == signal.SIGINT:  # as a terminal does it: to the whole group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
        equal(process.returncode, code, f"ended by {number.name}: {err}")
        if number != signal.SIGKILL:
            matches(out, f"were not run: interrupted by signal {number:d}")
        wait_for(lambda: not running() and left() == ([], []), f"nothing to be left after {number.name}:", left())
    with open(journal, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    equal([line["seed"] for line in lines[1:]], [2], "seeds in the journal: the others were cut short")
    with open(notes + ".go", "w", encoding="utf-8"):
        os.remove(notes)
    swept = netlab_json(*command, status=1)
    equal((swept["passed"], swept["failed"], swept["resumed"]), (seeds - 1, 1, 1), "resumed")
    with open(notes, encoding="utf-8") as file:
        equal(sorted(int(line) for line in file), [1, *range(3, seeds + 1)], "seeds that were run now")
    again = netlab("sweep", path, "--seeds", f"1..{seeds}", "--resume", journal, "--", "true", status=2)
    matches(again.stderr, "is of a sweep of another command: 'sh' with its arguments")
    equal(left(), ([], []), "left")


def test_records():
    """The record of a seed that failed is that of the very run that did."""
    path = topology(["a", "b"], [{"name": "wan", **LOSSY}], name="lossy", addressing={"ipv6": False})
    records = os.path.join(SCRATCH, "records")
    hang = os.path.join(SCRATCH, "hang")
    command = ["--jobs", "3", "--in", "a", "--", "sh", "-c",
               f"test -e {hang} && exec sleep 1000; ping -q -c 6 -i 0.02 -W 1 b | tee /dev/stderr | grep -q ' 6 received'"]
    with open(hang, "w", encoding="utf-8"):
        pass
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "sweep", path, "--seeds", "1..12", "--record", records,
                                *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(netlab_json("ls")) == 3, "three labs")
    process.kill()
    process.wait(timeout=60)
    wait_for(lambda: left() == ([], []), "nothing to be left", left())
    os.remove(hang)
    check(any(name.endswith(".running") for name in os.listdir(records)), "records that were cut short")
    again = netlab("sweep", path, "--seeds", "1..12", "--record", records, *command, status=2)
    matches(again.stderr, "is not empty .*--resume")
    swept = netlab_json("sweep", path, "--seeds", "1..12", "--resume", records, *command, status=1)
    failed = {entry["seed"]: entry["record"] for entry in swept["failures"]}
    check(0 < len(failed) < 12, "some seeds fail:", swept)
    equal(sorted(os.listdir(records)), sorted(["journal", *(f"seed-{seed}" for seed in failed)]), "what is kept")
    for seed, record in failed.items():
        with open(os.path.join(record, "record.json"), encoding="utf-8") as file:
            equal(int(json.load(file)["seed"]), seed, "the record's seed")
        with open(os.path.join(record, "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
        with open(os.path.join(record, "decisions"), encoding="utf-8") as file:
            lost = [line for line in file if line.rstrip().endswith(" drop loss")]
        check(summary["complete"] and summary["decisions"] == len(lost) > 0, record, summary)
        with open(os.path.join(record, "command.log"), encoding="utf-8") as file:
            matches(file.read(), "6 packets transmitted, [0-5] received", record)
    # what it says to do next is done
    first = next(seed for seed in range(1, 13) if seed in failed)
    told = netlab("sweep", path, "--seeds", "1..12", "--resume", records, *command, status=1).stdout
    matches(told, rf"(?m)^recorded: {records}/seed-{first}\b.*\nreplay: netlab replay {records}/seed-{first}$")
    matches(netlab("replay", failed[first], status=1).stderr, "6 packets transmitted, [0-5] received")
    # without recording it is another sweep
    done = netlab("sweep", path, "--seeds", "1..12", "--resume", os.path.join(records, "journal"), *command, status=2)
    matches(done.stderr, "is of a sweep with recording, and this one is without ")


def test_two_sweeps_of_one_journal():
    journal = os.path.join(SCRATCH, "held")
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "sweep", lossy(), "--seeds", "1", "--resume", journal,
                                "--", "sh", "-c", f"touch {journal}.up; exec sleep 1000"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists(journal + ".up"), "the first sweep")
    done = netlab("sweep", lossy(), "--seeds", "1", "--resume", journal, "--", "true", status=125)
    matches(done.stderr, "another sweep is writing")
    process.terminate()
    equal(process.wait(timeout=60), 143, "the first")
    equal(left(), ([], []), "left")


if __name__ == "__main__":
    main(globals())
