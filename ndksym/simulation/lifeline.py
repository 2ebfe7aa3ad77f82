"""Ends a child process when its parent ends, for whatever reason."""

import ctypes
import os
import select
import signal
import sys
import threading

_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of <linux/prctl.h>."""


def follow(handle: int) -> None:
    """End this process when the other end of the pipe `handle` is closed. Data in the pipe are not read.

    Only the parent may hold the other end. A thread waits for its closing. On Linux the kernel also kills this process together
    with the thread that started it, even while C code blocks all Python threads. If the parent has ended before this call, the
    pipe is closed already, so there is no moment without this protection.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
    threading.Thread(target=_watch, args=(handle,), daemon=True).start()


def _watch(handle: int) -> None:
    waiting = select.poll()
    waiting.register(handle, 0)
    waiting.poll()
    # no orderly exit: that would need the main thread, which may be inside C code
    os._exit(1)
