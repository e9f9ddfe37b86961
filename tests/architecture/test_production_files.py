"""compose.yaml and the Dockerfile, checked as files: no container engine is needed."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from marketplace import cli
from tests.support.postgres import Cluster
from tests.support.source import CHECKOUT
from workers import main as processes

OURS: Final = ("migrate", "api", "relay", "worker", "scheduler")
PARTS: Final = ("postgres", "rabbitmq", *OURS)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Read compose.yaml."""
    read: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """Read the Dockerfile, continued lines joined."""
    return (CHECKOUT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def seconds(text: str) -> int:
    """Read a duration such as 30s."""
    return int(text.removesuffix("s"))


class TestCompose:
    def test_every_process_is_there(self, compose: dict[str, Any]) -> None:
        assert set(compose["services"]) == set(PARTS)

    @pytest.mark.parametrize("name", PARTS)
    def test_part_is_bounded_watched_and_reaped(self, compose: dict[str, Any], name: str) -> None:
        part = compose["services"][name]
        assert {"cpus", "memory"} <= part["deploy"]["resources"]["limits"].keys()
        assert part["init"] is True
        assert part["restart"] in {"unless-stopped", "on-failure"}
        assert "no-new-privileges:true" in part["security_opt"]
        assert part["healthcheck"]
        assert part["logging"]["options"]["max-size"]

    @pytest.mark.parametrize("name", OURS)
    def test_process_of_ours_can_do_little(self, compose: dict[str, Any], name: str) -> None:
        part = compose["services"][name]
        assert part["user"] == "10001:10001"
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]

    @pytest.mark.parametrize("name", OURS)
    def test_grace_time_outlasts_a_worker(self, compose: dict[str, Any], name: str) -> None:
        grace = seconds(compose["services"][name]["stop_grace_period"])
        assert grace > processes.GRACE_SECONDS + processes.HURRY_SECONDS

    @pytest.mark.parametrize("name", OURS)
    def test_command_exists(self, compose: dict[str, Any], name: str) -> None:
        python, flag, module, *arguments = compose["services"][name]["command"]
        assert (python, flag) == ("python", "-m")
        main = {"marketplace": cli.main, "workers.main": processes.main}[module]
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--help"])
        assert ended.value.code == 0, "an unknown command would be refused before the help"

    @pytest.mark.parametrize("name", ["api", "relay", "worker", "scheduler"])
    def test_processes_wait_for_the_migration(self, compose: dict[str, Any], name: str) -> None:
        needs = compose["services"][name]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}

    def test_only_the_api_is_published_and_on_loopback(self, compose: dict[str, Any]) -> None:
        published = {name: part.get("ports", []) for name, part in compose["services"].items()}
        assert [name for name, ports in published.items() if ports] == ["api"]
        assert all(port.startswith("127.0.0.1:") for port in published["api"])

    def test_no_password_is_in_a_file(self, compose: dict[str, Any]) -> None:
        for part in compose["services"].values():
            for name, value in part.get("environment", {}).items():
                assert "PASS" not in name or value.startswith("/run/secrets/"), name
        assert all("file" in secret for secret in compose["secrets"].values())
        ignored = (CHECKOUT / ".gitignore").read_text("utf-8").splitlines()
        assert "compose/secrets/" in ignored

    def test_owner_of_the_tables_is_known_to_the_migration_only(
        self, compose: dict[str, Any]
    ) -> None:
        holders = [
            name
            for name, part in compose["services"].items()
            if "owner_password" in part.get("secrets", []) and name != "postgres"
        ]
        assert holders == ["migrate"]


class TestDockerfile:
    def test_last_user_is_not_root(self, dockerfile: str) -> None:
        assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "cession"

    def test_packages_come_from_the_lock_with_hashes(self, dockerfile: str) -> None:
        assert "--require-hashes -r uv.txt" in dockerfile
        assert "pip sync" in dockerfile
        assert "requirements.lock" in dockerfile

    def test_same_system_libraries_as_on_a_bare_machine(self, dockerfile: str) -> None:
        bootstrap = (CHECKOUT / ".ci/bootstrap").read_text("utf-8")
        wanted = set(re.findall(r"\|\| echo (lib\S+)", bootstrap))
        assert len(wanted) == 2
        assert wanted <= set(dockerfile.split())

    def test_what_is_copied_exists_and_is_not_ignored(self, dockerfile: str) -> None:
        kept = {
            line.removeprefix("!")
            for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
            if line.startswith("!")
        }
        copied = {
            source
            for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
            for source in line.split()[:-1]
            if not source.startswith("--")
        }
        assert [path for path in copied if not (CHECKOUT / path).exists()] == []
        assert copied == kept


def run_script(name: str, *arguments: str, **environment: str) -> str:
    """Run a script of the compose folder with nothing else in its environment."""
    done = subprocess.run(
        ["/bin/sh", str(CHECKOUT / "compose" / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestScripts:
    def test_entrypoint_makes_addresses_from_secrets(self, tmp_path: Path) -> None:
        for name in ("app_password", "owner_password", "broker_password"):
            (tmp_path / name).write_text("p@ss/word\n")
        told = run_script(
            "entrypoint.sh",
            "env",
            SECRETS=str(tmp_path),
            POSTGRES_HOST="postgres",
            BROKER_HOST="rabbitmq",
        ).splitlines()
        assert (
            "CESSION_DATABASE_URL=postgresql://cession_app:p%40ss%2Fword@postgres/cession" in told
        )
        assert "CESSION_BROKER_URL=amqp://cession:p%40ss%2Fword@rabbitmq:5672/%2F" in told
        assert any(line.startswith("CESSION_MIGRATION_DATABASE_URL=postgresql://") for line in told)

    def test_roles_are_made_with_the_passwords(self, cluster: Cluster, tmp_path: Path) -> None:
        for name in ("app_password", "owner_password"):
            (tmp_path / name).write_text(f"it's {name}")
        run_script(
            "roles.sh",
            PATH=f"{cluster.programs}:/usr/bin:/bin",
            PGHOST=cluster.socket,
            POSTGRES_USER="postgres",
            SECRETS=str(tmp_path),
            ROLES=str(CHECKOUT / "marketplace/infra/roles.sql"),
        )
        stored = subprocess.run(
            [
                f"{cluster.programs}/psql",
                *("-X", "-A", "-t", "-h", cluster.socket, "-U", "postgres", "-d", "cession", "-c"),
                "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%'",
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        assert stored.stdout.strip() == "2"
