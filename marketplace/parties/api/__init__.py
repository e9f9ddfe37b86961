"""Routes of the parties, one controller per subject."""

from marketplace.parties.api.companies import CompanyController
from marketplace.parties.api.grants import GrantController
from marketplace.parties.api.keys import KeyController
from marketplace.parties.api.people import MemberController, SessionController

CONTROLLERS = (
    CompanyController,
    MemberController,
    SessionController,
    KeyController,
    GrantController,
)

__all__ = ["CONTROLLERS"]
