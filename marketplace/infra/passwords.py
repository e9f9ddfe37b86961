"""Passwords: argon2id with the second recommended option of RFC 9106 section 4, off the event loop.

One check takes 64 MiB and some tens of milliseconds of CPU. It runs in a small pool of threads of its own (argon2
releases the interpreter lock), so log-ins queue behind each other and not in front of trades.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher()
_THREADS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")

# Well-formed, with the same cost, and the hash of nothing: checking against it takes as long and always fails.
_NOBODY: Final = (
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


async def hash_password(password: str) -> str:
    """Give the text to store: parameters, salt and hash."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def check_password(stored: str | None, password: str) -> bool:
    """Tell whether the password is the stored one; without a stored one it takes as long and is False."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, _matches, stored or _NOBODY, password)


def is_outdated(stored: str) -> bool:
    """Tell whether the stored text was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
