"""A process that ends with the one that started it, whatever ends that one."""

import ctypes
import os
import select
import signal
import sys
import threading

_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of <linux/prctl.h>."""


def follow(handle: int) -> None:
    """End this process when nobody holds the other end of the pipe `handle` any more; what comes through it is left there.

    Only the starting process may hold that end. A thread waits for it; on Linux the kernel also kills this process with
    the thread that started it, even while C code keeps all Python threads waiting. A starter that is gone before this call
    has closed the pipe, so that no moment is left out.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
    threading.Thread(target=_watch, args=(handle,), daemon=True).start()


def _watch(handle: int) -> None:
    waiting = select.poll()
    waiting.register(handle, 0)
    waiting.poll()
    # at once: to unwind, the main thread would have to take part
    os._exit(1)
