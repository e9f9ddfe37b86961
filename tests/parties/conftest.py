"""Companies and staff that the tests of this room act as."""

import pytest

from marketplace.parties.domain import CompanyKind
from tests.conftest import OpenWork
from tests.support.parties import Party, add_member, make_party, make_session, make_staff


@pytest.fixture
async def ours(work: OpenWork) -> Party:
    """Give a verified company with a key for everything."""
    async with work() as opened:
        return await make_party(opened, legal_name="Nordlicht Maschinenbau GmbH")


@pytest.fixture
async def theirs(work: OpenWork) -> Party:
    """Give another verified company."""
    async with work() as opened:
        return await make_party(opened, legal_name="Südlicht Werkzeuge GmbH")


@pytest.fixture
async def partner(work: OpenWork) -> Party:
    """Give a verified partner."""
    async with work() as opened:
        return await make_party(opened, kind=CompanyKind.PARTNER, legal_name="Prüfhaus AG")


@pytest.fixture
async def reviewer(work: OpenWork) -> Party:
    """Give a member of staff who reviews."""
    async with work() as opened:
        return await make_staff(opened, "reviewer")


@pytest.fixture
async def admin(work: OpenWork) -> Party:
    """Give a member of staff who administers."""
    async with work() as opened:
        return await make_staff(opened, "admin")


@pytest.fixture
async def owner(work: OpenWork, ours: Party) -> dict[str, str]:
    """Give the headers of the owner of `ours`, logged in."""
    async with work() as opened:
        _, token = await make_session(opened, ours.member)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def viewer(work: OpenWork, ours: Party) -> dict[str, str]:
    """Give the headers of a viewer of `ours`, logged in."""
    async with work() as opened:
        member = await add_member(opened, ours.company, "viewer")
        _, token = await make_session(opened, member)
    return {"Authorization": f"Bearer {token}"}
