"""Child processes that end with their parent, however it ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Give a `preexec_fn` that has the kernel send `number` to the child when its parent dies.

    The kernel watches the thread that starts the child: start children from the main thread. Other
    systems than Linux have no such call; there the answer is `None`, and a start joins what it
    finds.
    """
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died between the fork and the call
            os.kill(os.getpid(), number)

    return ask
