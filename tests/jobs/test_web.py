"""The API process on both servers: it starts, answers, and ends in order."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.jobs.processes import Watch, end, end_impatiently, environment, running
from tests.support.postgres import Cluster

API = ("-m", "workers.main", "api")
SERVERS = ("uvicorn", "granian")
START_SECONDS_MAX = 60

pytestmark = pytest.mark.slow


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def wait_until_ready(port: int, api: "subprocess.Popen[bytes]") -> httpx.Response:
    """Ask until the process answers; fails when it ends before."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and api.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/health/ready")
        time.sleep(0.05)
    raise AssertionError(f"no answer on port {port}")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "api.log"


class TestApi:
    @pytest.fixture(params=SERVERS)
    def env(
        self,
        request: pytest.FixtureRequest,
        cluster: Cluster,
        spare_database: str,
        tmp_path: Path,
        port: int,
    ) -> dict[str, str]:
        url = cluster.url(spare_database)
        return environment(url, tmp_path, port=str(port), server=str(request.param))

    def test_answers_and_ends_in_order_with_its_connections_given_back(
        self, env: dict[str, str], port: int, log: Path, cluster: Cluster, spare_database: str
    ) -> None:
        with running(*API, env=env, log=log) as api:
            answer = wait_until_ready(port, api)
            code, seconds = end(api)

        watch = Watch(cluster.url(spare_database))
        left = watch.rows(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        watch.close()
        assert answer.status_code == 200
        assert (code, left[0][0]) == (0, 0)
        assert seconds < 15
        assert "Traceback" not in log.read_text()

    def test_two_signals_end_it(self, env: dict[str, str], port: int, log: Path) -> None:
        with running(*API, env=env, log=log) as api:
            wait_until_ready(port, api)
            code, seconds = end_impatiently(api)

        assert code == 0
        assert seconds < 10


class TestAddress:
    def test_free_port_is_taken_and_told(
        self, cluster: Cluster, spare_database: str, tmp_path: Path, log: Path
    ) -> None:
        env = environment(cluster.url(spare_database), tmp_path, port="0")
        with running(*API, env=env, log=log) as api:
            while '"api.started"' not in log.read_text():
                assert api.poll() is None
                time.sleep(0.02)
            told = log.read_text().partition('"port": ')[2].partition(",")[0]
            answer = wait_until_ready(int(told), api)

        assert answer.status_code == 200

    def test_taken_port_ends_the_process_with_the_reason(
        self, cluster: Cluster, spare_database: str, tmp_path: Path, log: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            env = environment(cluster.url(spare_database), tmp_path, port=str(port))
            with running(*API, env=env, log=log) as api:
                code = api.wait(START_SECONDS_MAX)

        assert code == 3
        assert "Address already in use" in log.read_text()
