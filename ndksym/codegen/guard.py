"""python guard.py COMMAND…: run a command in its own process group, and kill the whole group when stdin is closed.

A compiler starts further processes, which go on if the compiler alone is killed. This file is run as a script and imports
little, so that it starts fast.
"""

import os
import signal
import sys
import threading

CANNOT_RUN = 127
"""Exit code of a command that cannot be run, as in a shell."""


def main() -> None:
    """Run the command of the arguments, and exit with its code."""
    try:
        command = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, 0)])
    except OSError as error:
        print(error.strerror, file=sys.stderr)
        sys.exit(CANNOT_RUN)
    threading.Thread(target=_watch, daemon=True).start()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]) % 256)


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
