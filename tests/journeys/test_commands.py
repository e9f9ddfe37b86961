"""The `cession` command as a person types it: exit codes, what it prints, what it refuses."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.support.installation import reachable_folder
from tests.support.postgres import Cluster
from tests.support.source import CHECKOUT

OPERATOR: Final = (
    "--operator-name", "Cession Desk GmbH",
    "--operator-register-number", "HRB 4711",
    "--operator-vat-id", "DE136695976",
    "--operator-street", "Am Markt 1",
    "--operator-postcode", "28195",
    "--operator-city", "Bremen",
)  # fmt: skip
STAFF: Final = ("staff-create", "--email", "desk@operator.example", "--name", "Ada Muster")


@pytest.fixture
def environment(cluster: Cluster, spare_database: str) -> Iterator[dict[str, str]]:
    """Give the settings of an installation on a migrated database of the test's own."""
    with reachable_folder() as folder:
        yield {
            "CESSION_DATA_DIR": str(folder),
            "CESSION_DATABASE_URL": cluster.url(spare_database),
            "CESSION_MIGRATION_DATABASE_URL": cluster.owner_url(spare_database),
        }


def cession(
    settings: Mapping[str, str], *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command with exactly these settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CESSION_")}
    return subprocess.run(
        [sys.executable, "-m", "marketplace", *arguments],
        check=False,
        capture_output=True,
        text=True,
        input=typed,
        cwd=CHECKOUT,
        env=ours | dict(settings),
    )


class TestMigrate:
    def test_embedded_database_is_made_when_none_is_named(self) -> None:
        with reachable_folder() as folder:
            done = cession({"CESSION_DATA_DIR": str(folder)}, "migrate")
            assert (done.returncode, done.stdout) == (0, "the database is up to date\n")
            assert (folder / "postgres/data/PG_VERSION").exists()

    def test_named_database_is_migrated(self, environment: Mapping[str, str]) -> None:
        done = cession(environment, "migrate")
        assert (done.returncode, done.stdout) == (0, "the database is up to date\n")


class TestHealth:
    def test_reachable_parts_are_no_news(self, environment: Mapping[str, str]) -> None:
        done = cession(environment, "health")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_silent_database_is_named(self, environment: dict[str, str]) -> None:
        environment["CESSION_DATABASE_URL"] = "postgresql://cession_app@/cession?host=/nowhere"
        done = cession(environment, "health")
        assert done.returncode == 2
        assert "the database does not answer" in done.stderr


class TestStaffCreate:
    def test_fresh_database_gets_operator_and_first_account(
        self, environment: Mapping[str, str]
    ) -> None:
        done = cession(
            environment, *STAFF, "--role", "admin", *OPERATOR, typed="a long enough passphrase\n"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "desk@operator.example is staff of Cession Desk GmbH (admin)\n"

    def test_second_account_needs_no_facts_of_the_operator(
        self, environment: Mapping[str, str]
    ) -> None:
        words = "a long enough passphrase\n"
        cession(environment, *STAFF, "--role", "admin", *OPERATOR, typed=words)
        second = ("staff-create", "--email", "b@operator.example", "--name", "Bo Muster")
        done = cession(environment, *second, "--role", "finance", typed=words)
        assert (done.returncode, done.stderr) == (0, "")

    def test_address_in_use_is_refused(self, environment: Mapping[str, str]) -> None:
        words = "a long enough passphrase\n"
        cession(environment, *STAFF, "--role", "admin", *OPERATOR, typed=words)
        done = cession(environment, *STAFF, "--role", "admin", typed=words)
        assert done.returncode == 2
        assert done.stderr.startswith("cession: ")

    def test_short_password_is_refused(self, environment: Mapping[str, str]) -> None:
        done = cession(environment, *STAFF, "--role", "admin", *OPERATOR, typed="short\n")
        assert done.returncode == 2


class TestRefusals:
    def test_unknown_setting_is_named(self) -> None:
        done = cession({"CESSION_COLOUR": "blue"}, "migrate")
        assert done.returncode == 2
        assert done.stderr.startswith("cession: CESSION_COLOUR is not a setting")

    def test_unknown_command_shows_the_known_ones(self) -> None:
        done = cession({}, "fly")
        assert done.returncode == 2
        assert "staff-create" in done.stderr

    def test_missing_owner_address_is_named(self, environment: dict[str, str]) -> None:
        del environment["CESSION_MIGRATION_DATABASE_URL"]
        done = cession(environment, "migrate")
        assert done.returncode == 2
        assert "CESSION_MIGRATION_DATABASE_URL" in done.stderr


class TestJobs:
    def test_without_dead_jobs_it_says_so(self, environment: dict[str, str]) -> None:
        environment["CESSION_LOG_FORMAT"] = "json"
        done = cession(environment, "jobs", "dead")
        assert (done.returncode, done.stdout) == (0, "No dead jobs.\n")

    def test_resending_needs_a_job(self, environment: Mapping[str, str]) -> None:
        done = cession(environment, "jobs", "resend")
        assert done.returncode == 2
        assert "`jobs dead` lists them" in done.stderr

    def test_unknown_job_is_refused(self, environment: Mapping[str, str]) -> None:
        done = cession(environment, "jobs", "resend", "job_01kb0m1f7wf2rv4c7c1x0e4q2m")
        assert done.returncode == 2
        assert "job.unknown" in done.stderr
