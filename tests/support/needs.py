"""Questions for the need calculator: small companies, and accesses whose answer can be seen by eye."""

from typing import Any

import httpx

from tests.support.listings import Person


def counts_body(**changes: Any) -> dict[str, Any]:
    """Give a question from counts: an office of 40 and 30 shift workers at 8 shared devices."""
    return {
        "servers": ["2019"],
        "counts": {"users": 70, "devices": 48, "shift_users": 30, "shared_devices": 8},
    } | changes


def star(users: int, devices: int) -> list[list[str]]:
    """Give accesses of one user at every device and of every user at one device: two licences are enough."""
    return [
        *(["anna", f"desk-{number}"] for number in range(devices)),
        *([f"user-{number}", "kiosk"] for number in range(users)),
    ]


async def calculate(
    client: httpx.AsyncClient, asker: Person, language: str = "en", **body: Any
) -> httpx.Response:
    """Ask."""
    return await client.post(
        "/v1/needs", json=body, headers=asker.headers | {"Accept-Language": language}
    )


def line_of(option: dict[str, Any], kind: str) -> dict[str, Any]:
    """Find the line of a kind in an option."""
    found: dict[str, Any] = next(row for row in option["gap"]["lines"] if row["kind"] == kind)
    return found


def option_of(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    """Find an option of an answer."""
    found: dict[str, Any] = next(row for row in answer["options"] if row["kind"] == kind)
    return found


def chosen_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Find the option that the follow-ups are for."""
    return option_of(answer, answer["chosen"])
