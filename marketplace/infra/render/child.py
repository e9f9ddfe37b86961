"""The printing child: orders come on standard input, papers go to standard output, until EOF.

It gets no setting, no secret and no database; its parent's death ends it, even in mid-paper.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

from marketplace.infra.render.wire import (
    FAILURE,
    PAPER,
    READY,
    REFUSAL,
    Order,
    Refusal,
    frame,
    read_frame,
)
from marketplace.kernel.errors import DomainError

PR_SET_PDEATHSIG: Final = 1
TRACE_MAX_CHARACTERS: Final = 4000
GC_THRESHOLD: Final = 50_000


class Printer(Protocol):
    """What the loop needs of an engine."""

    def render(self, order: Order) -> bytes:
        """Print one paper."""
        ...


def serve(printer: Printer, orders: BinaryIO, replies: BinaryIO) -> None:
    """Answer each order with exactly one frame; a refusal or failure leaves the loop running."""
    while (received := read_frame(orders)) is not None:
        replies.write(answer(printer, received[1]))
        replies.flush()


def answer(printer: Printer, body: bytes) -> bytes:
    """Print one order; give the paper, the refusal or the failure as a frame."""
    try:
        return frame(PAPER, printer.render(msgspec.json.decode(body, type=Order)))
    except DomainError as error:
        return frame(REFUSAL, msgspec.json.encode(Refusal.of(error)))
    except Exception:  # noqa: BLE001  # whatever went wrong, the parent must hear of it and go on
        return frame(FAILURE, traceback.format_exc()[-TRACE_MAX_CHARACTERS:].encode())


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends (Linux); EOF does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent ended before the kernel was asked.
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """Run with: templates folder, font folder, process id of the parent."""
    templates, fonts, parent = arguments
    die_with_parent(int(parent))
    # Whatever a library prints must not end up between two frames.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    from marketplace.infra.render.engine import Engine  # noqa: PLC0415  # starts fontconfig: late

    engine = Engine(Path(templates), Path(fonts))
    engine.warm_up()
    # What is loaded now stays for ever: the collector need not look at it for each paper. A paper
    # keeps nearly all its objects until it is done, so looking more rarely saves about 3 % of CPU.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    replies.write(frame(READY))
    replies.flush()
    serve(engine, sys.stdin.buffer, replies)


if __name__ == "__main__":
    main(sys.argv[1:])
