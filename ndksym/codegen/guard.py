"""python guard.py COMMAND…: runs a command in a process group of its own, all of which is killed when stdin is closed.

A compiler has processes of its own, so that killing it alone leaves them at work. This file runs by itself and imports little,
so that it starts at once.
"""

import os
import signal
import sys
import threading

CANNOT_RUN = 127
"""Exit code, as of a shell."""


def main() -> None:
    """See above; exits as the command does."""
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
