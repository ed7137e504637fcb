# SPDX-License-Identifier: MIT
"""A planted fault: a case that this kernel does not let run, and that the VM leaves to the host."""
import os
import sys

sys.path.insert(0, os.path.join(os.environ["NETLAB_TOP"], "tests", "integration"))
from support import Skipped, in_vm_too, main

os.environ["NETLAB_MUST_WORK"] = "1"


@in_vm_too
def test_in_both():
    pass


def test_nowhere():
    raise Skipped("planted")


main(globals())
