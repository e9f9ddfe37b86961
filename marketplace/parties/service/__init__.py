"""Use cases of the parties: the stage's face towards later stages, workers and the command line."""

from marketplace.parties.domain import require_tradable
from marketplace.parties.service.companies import (
    change_company,
    create_operator,
    decide_verification,
    list_companies,
    list_partners,
    list_verifications,
    load_companies,
    load_company,
    operator,
    register_company,
)
from marketplace.parties.service.grants import (
    give_grant,
    list_grants,
    load_grant,
    may_see_certificate,
    revoke_grant,
)
from marketplace.parties.service.keys import (
    create_key,
    list_keys,
    load_key,
    revoke_key,
    rotate_key,
)
from marketplace.parties.service.members import (
    add_member,
    change_member,
    change_password,
    create_staff,
    list_members,
    load_member,
    remove_member,
)
from marketplace.parties.service.sessions import (
    authenticate,
    forget_old_sessions,
    log_in,
    log_out,
    who_am_i,
)

__all__ = [
    "add_member",
    "authenticate",
    "change_company",
    "change_member",
    "change_password",
    "create_key",
    "create_operator",
    "create_staff",
    "decide_verification",
    "forget_old_sessions",
    "give_grant",
    "list_companies",
    "list_grants",
    "list_keys",
    "list_members",
    "list_partners",
    "list_verifications",
    "load_companies",
    "load_company",
    "load_grant",
    "load_key",
    "load_member",
    "log_in",
    "log_out",
    "may_see_certificate",
    "operator",
    "register_company",
    "remove_member",
    "require_tradable",
    "revoke_grant",
    "revoke_key",
    "rotate_key",
    "who_am_i",
]
