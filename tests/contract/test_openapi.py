"""Every route, called thousands of times with what its description allows and with what it forbids.

The server is a real one on a socket, its database holds something of every kind. No call may end in a server error, a
status or media type that is not described, or an answer that its schema does not fit; what the description forbids must
be refused. Cases are the same in every run. The fuzzer is used as a library: its pytest plugin stays off.
"""

import copy
import os
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from marketplace.infra.http.contract import describe
from tests.support.app import unopened_app
from tests.support.postgres import Cluster
from tests.support.town import Town, running_town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EFFORT: Final = int(os.environ.get("FUZZ_EFFORT", "1"))
"""Multiplies the number of cases; 1 keeps the whole module within two minutes on two cores."""
CASES: Final = {"anonymous": 3, "staff": 8, "leaver": 4}
CASES_OF_A_COMPANY: Final = 12
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
_COMPANY_OF: Final = {"listings": "seller", "transfers": "waiting", "companies": "founder"}
"""Who has something to do with the routes of a chapter; otherwise the buyer."""
_COMPANIES: Final = {"buyer", *_COMPANY_OF.values()}
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def operations() -> list[str]:
    """Give the ids of all described operations."""
    return sorted(
        operation["operationId"]
        for item in describe(unopened_app())["paths"].values()
        for operation in item.values()
    )


@pytest.fixture(scope="module")
def town(
    cluster: Cluster, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """Give a server that is filled once for all cases of this module."""
    name = f"town_{worker_id}"
    cluster.clone(name)
    with running_town(cluster.url(name), tmp_path_factory.mktemp("town")) as running:
        yield running
    cluster.drop(name)


class Caller:
    """Somebody who sends cases of one operation."""

    def __init__(self, town: Town, name: str, session: httpx.Client) -> None:
        self._town = town
        self._session = session
        self._name = name
        token = town.tokens.get(name, "")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def known_ids(self, prefix: str) -> list[str]:
        """Give ids that exist; a company names itself, staff name a company that nobody trades with."""
        if prefix == "cmp" and self._name in _COMPANIES:
            return [self._town.own[self._name]]
        return self._town.ids.get(prefix, [])

    def aim(self, case: Case[Any], draw: st.DataObject) -> None:
        """Let a case that the description allows name something that exists, in its present version."""
        for name, value in dict(case.path_parameters or {}).items():
            known = self.known_ids("code" if name == "code" else str(value).partition("_")[0])
            if known and draw.draw(st.sampled_from((True, True, False))):
                case.path_parameters[name] = draw.draw(st.sampled_from(known))
        if isinstance(case.body, dict):
            for name, value in case.body.items():
                known = self._town.ids.get(str(value).partition("_")[0], [])
                case.body[name] = draw.draw(st.sampled_from([*known, value]))
        if case.headers and "If-Match" in case.headers:
            answer = self._session.get(
                self._town.address + case.formatted_path, headers=self.headers
            )
            case.headers["If-Match"] = answer.headers.get("etag", case.headers["If-Match"])

    def send(self, case: Case[Any]) -> None:
        """Send a case and hold the answer against the description."""
        response = case.call(base_url=self._town.address, headers=self.headers, timeout=30)
        case.validate_response(response, checks=CHECKS)


def _operation(town: Town, operation_id: str) -> Any:
    """Find an operation, described without its credential: the callers send theirs, cases must not vary it."""
    document = copy.deepcopy(town.document)
    del document["components"]["securitySchemes"]
    for item in document["paths"].values():
        for operation in item.values():
            del operation["security"]
    schema: Any = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] == operation_id:
            return operation
    raise AssertionError(f"the description has no operation {operation_id}")


def _cases(operation: Any) -> st.SearchStrategy[Case[Any]]:
    takes_anything = bool(list(operation.iter_parameters())) or bool(operation.body)
    modes = _MODES if takes_anything else _MODES[:1]
    made = [operation.as_strategy(generation_mode=mode) for mode in modes]
    return st.one_of([*made, *operation.get_strategies_from_examples()])


def _exercise(caller: Caller, operation: Any, cases: int) -> None:
    @settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_cases(operation), draw=st.data())
    def exercise(case: Case[Any], draw: st.DataObject) -> None:
        if _is_allowed(case):
            caller.aim(case, draw)
        caller.send(case)

    exercise()


def _is_allowed(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


@pytest.fixture
def session() -> Iterator[httpx.Client]:
    """Give a client for looking things up between cases."""
    with httpx.Client(timeout=30) as opened:
        yield opened


class TestEveryOperation:
    @pytest.mark.parametrize("operation_id", operations())
    def test_answers_are_as_described(
        self, town: Town, session: httpx.Client, operation_id: str
    ) -> None:
        operation = _operation(town, operation_id)
        company = _COMPANY_OF.get(operation.tags[0], "buyer")
        staff = "leaver" if operation_id == "log_out" else "staff"
        for name in ("anonymous", company, staff):
            _exercise(
                Caller(town, name, session), operation, CASES.get(name, CASES_OF_A_COMPANY) * EFFORT
            )

    def test_credentials_survived(self, town: Town, session: httpx.Client) -> None:
        for name in (*_COMPANIES, "staff"):
            token = town.tokens[name]
            answer = session.get(
                f"{town.address}/v1/me", headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == 200, name
