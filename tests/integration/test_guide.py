# SPDX-License-Identifier: MIT
"""The sessions that README.md and docs/guide.md show, run again: the same words come out.
netlab-test: timeout=900 host

A session is a fenced block with lines that begin with '$ ' (and '> ' where a command goes on); what
follows a command is what it prints. Numbers may differ, so may line breaks, and '...' stands for
anything; a command that shows no output is only run. All sessions of a file are one shell. A
comment before a block says where it can be run:
  <!-- netem -->       on a kernel with netem
  <!-- no netem -->    on one without
or that the block is a file, which the commands after it find:
  <!-- file NAME -->
"""
import os
import re
import subprocess

from support import IN_VM, NETLAB, SCRATCH, TOP, Failed, check, have_netem, main

FENCE = re.compile(r"(?:<!-- (?P<note>[^>]+) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$",
                   re.M | re.S)
# Runs command after command in one shell, each with its output in a file of its own.
DRIVER = """
cd "$1" || exit 1
status=0
for file in commands/*.sh; do
	command=$(cat "$file")
	(exit $status) # what $? is to the next
	{ eval "$command"; } >"$file.out" 2>&1 </dev/null
	status=$?
done
true
"""


def commands_in(block):
    """[(command, what it shows)] of a block with a session in it, else []."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif found and line.startswith("> ") and not found[-1][1]:
            found[-1][0].append(line[2:])
        elif found:
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(shown).strip()) for command, shown in found]


def sessions(path):
    """All that this kernel can run, as (command, what it shows)."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = []
    for block in FENCE.finditer(text):
        note = block["note"] or ""
        if note.startswith("file "):
            found.append((f"cat >{note[5:]} <<'END OF FILE'\n{block['body']}END OF FILE", ""))
            continue
        check(note in ("", "netem", "no netem"), f"{path}: unknown comment '{note}'")
        if not note or (note == "netem") == have_netem():
            found += commands_in(block["body"])
    return found


def normal(text):
    """Numbers are what they are, the terminal's width too."""
    return re.sub(r"\d+(\.\d+)*", "N", " ".join(text.split()))


def pattern(shown):
    words = [".*?" if word == "..." else re.escape(word) for word in normal(shown).split()]
    return re.compile(" ?".join(words), re.S)


def output_of(place, number):
    with open(os.path.join(place, "commands", f"{number:03}.sh.out"), encoding="utf-8") as file:
        return file.read()


def play(path):
    """Runs a file's sessions. Returns [(command, what it shows, what it printed)]."""
    name = os.path.basename(path)
    place = os.path.join(SCRATCH, name)
    found = sessions(path)
    check(len(found) > 3, f"{name} shows only {len(found)} commands")
    os.makedirs(os.path.join(place, "commands"))
    os.makedirs(os.path.join(place, "bin"))
    os.symlink(NETLAB, os.path.join(place, "bin", "netlab"))
    for folder in ("topologies", "docs", "tools"):
        os.symlink(os.path.join(TOP, folder), os.path.join(place, folder))
    for number, (command, _) in enumerate(found):
        script = os.path.join(place, "commands", f"{number:03}.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(command + "\n")
    run_driver(place)
    return [(*pair, output_of(place, number)) for number, pair in enumerate(found)]


def run_driver(place):
    """In a PID namespace, so that nothing outlives it, and with a /run of its own, so that its labs
    have their plain names and meet no others."""
    environment = dict(os.environ, PATH=f"{place}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8",
                       XDG_RUNTIME_DIR=place)
    argv = ["bash", "-c", DRIVER, "bash", place]
    if os.geteuid() == 0:
        argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                'mount -t tmpfs none /run && exec "$@"', "sh"] + argv
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False,
                          timeout=500 if IN_VM else 250)
    check(done.returncode == 0, f"the shell ended with {done.returncode}: {done.stderr}")


def compare(path):
    name = os.path.basename(path)
    played = play(path)
    for command, shown, printed in played:
        if shown and not pattern(shown).fullmatch(normal(printed)):
            raise Failed(f"{name}: $ {command}\n--- it shows\n{shown}\n--- it prints\n{printed}")
    print(f"{name}: {len(played)} commands")


def test_readme():
    compare(os.path.join(TOP, "README.md"))


def test_guide():
    compare(os.path.join(TOP, "docs", "guide.md"))


if __name__ == "__main__":
    main(globals())
