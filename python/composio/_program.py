"""The program `composio`, as this package installs it."""

from __future__ import annotations

import signal
import sys

from composio import _native


def main() -> int:
    """Runs the program with the arguments of the process; gives its exit code."""
    # Python's handler only takes a note, for an interpreter that does not run meanwhile.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.run_program(["composio", *sys.argv[1:]])
