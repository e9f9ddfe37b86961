"""Request bodies are read straight into the schema of the route: strictly, in one pass.

The framework decodes JSON to plain dictionaries and converts those leniently, so that `"7"` would pass for a number and
`1` for a time, against the schema we publish; and it answers broken UTF-8 with an error of ours.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Request

from marketplace.kernel.errors import FieldProblem, Malformed

_PLACE: Final = re.compile(r" - at `(?:key` in `)?\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_NAMED_FIELD: Final = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]+)`")


class EdgeRequest(Request[Any, Any, Any]):
    """A request whose JSON body becomes the struct that the route asks for."""

    async def json(self) -> Any:
        """Decode the body; raise `Malformed` for anything that is not what the schema says."""
        field = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=field.annotation if field else Any)
        except msgspec.ValidationError as problem:
            raise Malformed(
                "request.invalid",
                "Some fields are missing, unknown or out of range; `errors` names each of them.",
                place_of(str(problem)),
            ) from problem
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Malformed(
                "request.malformed",
                "The request could not be read; check that the body is valid JSON.",
            ) from problem


def place_of(message: str) -> FieldProblem:
    """Turn the decoder's message into a JSON pointer (RFC 6901, `""` is the whole) and what is wrong there."""
    found = _PLACE.search(message)
    steps = [name or index for name, index in _STEP.findall(found[1])] if found else []
    reason = message[: found.start()] if found else message
    named = _NAMED_FIELD.search(reason)
    if named:
        steps.append(named[1])
    return FieldProblem("".join(f"/{step}" for step in steps), reason)
