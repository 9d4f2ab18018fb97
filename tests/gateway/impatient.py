"""Runs a server that gives up clients which send nothing after a moment: what goes before the command of a test's server."""

import sys

from headrace.gateway import waiting
from headrace.gateway.front import front

#: How long a client may send nothing of a body, or of what it owes after its answer, and how long a head may take, seconds; longer than
#: a busy machine keeps a client waiting that sends on.
waiting.STALL_S = front.QUIET_S = front.HEAD_S = 3.0

if __name__ == "__main__":
    from headrace.cli.main import main

    sys.argv = sys.argv[3:]  # the interpreter, -m and the program's name stand before them
    main()
