"""The relay and workers through a real RabbitMQ, where one answers."""

import contextlib
import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pika
import pika.exceptions
import pytest

from tests.jobs.processes import Watch, end, environment, running
from tests.support.postgres import Cluster
from workers.registration import QUEUES

BROKER_URL: Final = os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
JOBS: Final = 240
RELAY: Final = ("-m", "workers.main", "relay")
WORKER: Final = ("-m", "tests.jobs.worker_process")


def answers(url: str) -> bool:
    """Tell whether a broker listens."""
    place = urlsplit(url)
    with (
        contextlib.suppress(OSError),
        socket.create_connection((place.hostname or "", place.port or 5672), timeout=2),
    ):
        return True
    return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.skipif(not answers(BROKER_URL), reason="no RabbitMQ answers"),
]


@pytest.fixture
def prefix(spare_database: str) -> Iterator[str]:
    """Give queue names of this test's own, deleted afterwards."""
    name = f"test.{os.getpid()}.{spare_database}"
    yield name
    connection = pika.BlockingConnection(pika.URLParameters(BROKER_URL))
    for queue in QUEUES:
        for kind in ("", ".DQ", ".XQ"):
            connection.channel().queue_delete(f"{name}.{queue}{kind}")
    connection.close()


@pytest.fixture
def watch(cluster: Cluster, spare_database: str) -> Iterator[Watch]:
    looking = Watch(cluster.url(spare_database))
    yield looking
    looking.close()


@pytest.fixture
def env(cluster: Cluster, spare_database: str, prefix: str, tmp_path: Path) -> dict[str, str]:
    return environment(
        cluster.url(spare_database),
        tmp_path,
        job_lease_seconds="3",
        broker_url=BROKER_URL,
        broker_prefix=prefix,
    )


def each_once(count: int) -> Counter[str]:
    return Counter({str(n): 1 for n in range(1, count + 1)})


class TestRelay:
    def test_jobs_reach_the_worker_and_run_once(
        self, watch: Watch, env: dict[str, str], tmp_path: Path
    ) -> None:
        watch.add("probe.count", JOBS, queue="light")
        with (
            running(*RELAY, env=env, log=tmp_path / "relay") as relay,
            running(*WORKER, env=env, log=tmp_path / "worker") as worker,
        ):
            watch.until_settled()
            ended = [end(relay), end(worker)]

        assert watch.effects() == each_once(JOBS)
        assert [code for code, _ in ended] == [0, 0]

    def test_two_relays_share_the_work(
        self, watch: Watch, env: dict[str, str], tmp_path: Path
    ) -> None:
        watch.add("probe.count", JOBS, queue="light")
        with (
            running(*RELAY, env=env, log=tmp_path / "relay1"),
            running(*RELAY, env=env, log=tmp_path / "relay2"),
            running(*WORKER, env=env, log=tmp_path / "worker"),
        ):
            watch.until_settled()

        assert watch.effects() == each_once(JOBS)

    def test_relay_and_worker_killed_in_the_middle_lose_and_double_nothing(
        self, watch: Watch, env: dict[str, str], tmp_path: Path
    ) -> None:
        watch.add("probe.slow", JOBS)
        with (
            running(*RELAY, env=env, log=tmp_path / "relay") as relay,
            running(*WORKER, env=env, log=tmp_path / "worker") as worker,
        ):
            watch.until("select count(*) > 60 from audit_log")
            relay.kill()
            worker.kill()
        with (
            running(*RELAY, env=env, log=tmp_path / "relay"),
            running(*WORKER, env=env, log=tmp_path / "worker"),
        ):
            watch.until_settled()

        assert watch.effects() == each_once(JOBS)

    def test_messages_lost_by_the_broker_are_sent_again(
        self, watch: Watch, env: dict[str, str], prefix: str, tmp_path: Path
    ) -> None:
        watch.add("probe.count", JOBS, queue="light")
        with running(*RELAY, env=env, log=tmp_path / "relay"):
            watch.until("select count(*) = 0 from jobs where state = 0")
            # Give the messages time to arrive, then lose them all.
            connection = pika.BlockingConnection(pika.URLParameters(BROKER_URL))
            connection.sleep(0.5)
            connection.channel().queue_purge(f"{prefix}.light")
            connection.close()
            with running(*WORKER, env=env, log=tmp_path / "worker"):
                watch.until_settled()

        assert watch.effects() == each_once(JOBS)

    def test_unknown_actor_is_put_back_with_the_reason(
        self, watch: Watch, env: dict[str, str], tmp_path: Path
    ) -> None:
        watch.add("probe.tomorrow", 1)
        with (
            running(*RELAY, env=env, log=tmp_path / "relay"),
            running(*WORKER, env=env, log=tmp_path / "worker"),
        ):
            watch.until("select attempts = 1 from jobs")

        assert watch.rows("select last_error, state from jobs")[0][0].startswith("LookupError")

    def test_relay_without_a_broker_setting_says_so(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        env["CESSION_BROKER_URL"] = ""
        log = tmp_path / "relay"
        with running(*RELAY, env=env, log=log) as relay:
            code = relay.wait(20)

        assert code == 2
        assert "CESSION_BROKER_URL" in log.read_text()

    def test_relay_waits_for_a_broker_that_is_away(
        self, watch: Watch, env: dict[str, str], tmp_path: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        env["CESSION_BROKER_URL"] = f"amqp://guest:guest@127.0.0.1:{port}/"
        watch.add("probe.count", 5, queue="light")
        log = tmp_path / "relay"
        with running(*RELAY, env=env, log=log) as relay:
            watch.until("select max(run_at) is not null from jobs where state = 0")
            while "relay.broker_away" not in log.read_text():
                assert relay.poll() is None
            code, seconds = end(relay)

        assert code == 0
        assert seconds < 8
        assert watch.states() == {0: 5}
