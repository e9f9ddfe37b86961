"""When a failed job runs again. Pure: the caller passes the random number.

| failed runs | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 and more |
|---|---|---|---|---|---|---|---|---|---|---|---|
| wait about | 5 s | 10 s | 20 s | 40 s | 80 s | 160 s | 5 min | 11 min | 21 min | 43 min | 1 h |

Each wait is spread by up to a fifth in both directions, so that jobs which failed together (a
server was down) do not come back together.
"""

from typing import Final

FIRST_WAIT_SECONDS: Final = 5
LONGEST_WAIT_SECONDS: Final = 3600
SPREAD: Final = 0.2
_DOUBLINGS_MAX: Final = 10


def wait_seconds(failed_runs: int, chance: float) -> int:
    """Give the wait after `failed_runs` (1 or more) failures; `chance` is uniform in [0, 1)."""
    doublings = min(failed_runs - 1, _DOUBLINGS_MAX)
    middle = min(FIRST_WAIT_SECONDS << doublings, LONGEST_WAIT_SECONDS)
    return round(middle * (1 - SPREAD + 2 * SPREAD * chance))
