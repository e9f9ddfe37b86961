"""The API reference as a page: a view of the OpenAPI document that reads well without scripts."""

import json
from typing import Any, Final

import msgspec

_MOMENTS: Final = {"date": "2026-11-20", "date-time": "2026-11-25T09:00:00Z"}


class Field(msgspec.Struct, frozen=True):
    """One parameter or body field."""

    name: str
    place: str
    type: str
    required: bool
    text: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route."""

    id: str
    method: str
    path: str
    title: str
    text: str
    caller: str
    fields: list[Field]
    example: str
    answer: str
    answers: list[tuple[str, str]]


class Chapter(msgspec.Struct, frozen=True):
    """The routes of one stage."""

    name: str
    text: str
    operations: list[Operation]


def chapters(document: dict[str, Any]) -> list[Chapter]:
    """Order the OpenAPI document by stage, in the order in which a trade meets them."""
    operations: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            tag = (operation.get("tags") or ["operations"])[0]
            operations.setdefault(tag, []).append(_operation(document, path, method, operation))
    texts = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    return [
        Chapter(name, texts.get(name, ""), found) for name, found in operations.items() if found
    ]


def _operation(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Operation:
    media_type, body = _content(operation.get("requestBody", {}))
    body = _resolved(document, body)
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        title=operation.get("summary", ""),
        text=operation.get("description", ""),
        caller=_caller(operation),
        fields=[*_parameters(operation), *_body_fields(document, body)],
        example=_shown(document, media_type, body),
        answer=_answer(document, operation),
        answers=[
            (status, answer["description"]) for status, answer in operation["responses"].items()
        ],
    )


def _caller(operation: dict[str, Any]) -> str:
    access = operation["x-access"]
    roles = " or ".join(access.get("roles", ()))
    caller = {
        "public": "anyone",
        "any": "any credential",
        "company": f"a credential with the scope {access.get('scope')}",
        "member": f"a signed-in person{f' with the role {roles}' if roles else ''}",
        "staff": f"the operator's staff with the role {roles}",
    }[access["who"]]
    return f"{caller} of a verified company" if access.get("verified") else caller


def _parameters(operation: dict[str, Any]) -> list[Field]:
    return [
        Field(
            parameter["name"],
            parameter["in"],
            _type(parameter.get("schema", {})),
            bool(parameter.get("required")),
            parameter.get("description", ""),
        )
        for parameter in operation.get("parameters", ())
    ]


def _content(holder: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give media type and schema of a request or answer body; empty when there is none."""
    for media_type, content in holder.get("content", {}).items():
        schema: dict[str, Any] = content.get("schema", {})
        return media_type, schema
    return "", {}


def _answer(document: dict[str, Any], operation: dict[str, Any]) -> str:
    """Show the good answer."""
    good = next(answer for status, answer in operation["responses"].items() if status < "300")
    return _shown(document, *_content(good))


def _shown(document: dict[str, Any], media_type: str, schema: dict[str, Any]) -> str:
    if not media_type:
        return ""
    if media_type != "application/json":
        return f"({media_type})"
    return json.dumps(_example(document, schema), indent=2, ensure_ascii=False)


def _body_fields(document: dict[str, Any], schema: dict[str, Any]) -> list[Field]:
    required = set(schema.get("required", ()))
    return [
        Field(
            name,
            "body",
            _type(_resolved(document, field)),
            name in required,
            field.get("description", ""),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _type(schema: dict[str, Any]) -> str:
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_type(option) for option in schema.get("oneOf") or schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"] if value is not None)
    if {"minimum", "maximum"} <= schema.keys():
        return f"{int(schema['minimum'])} to {int(schema['maximum'])}"
    if schema.get("type") == "array" and schema.get("items"):
        return f"list of {_type(schema['items'])}"
    kind = schema.get("type", "object" if "$ref" in schema else "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    schema = _resolved(document, schema)
    for given in _given_examples(schema):
        return given
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return _example(document, schema[choice][0])
    if schema.get("type") == "object" or "properties" in schema:
        return {
            name: _example(document, field) for name, field in schema.get("properties", {}).items()
        }
    if schema.get("type") == "array":
        return [_example(document, schema.get("items", {}))]
    if schema.get("format") in _MOMENTS:
        return _MOMENTS[schema["format"]]
    return {"integer": schema.get("minimum", 0), "boolean": False, "string": "..."}.get(
        str(schema.get("type"))
    )


def _given_examples(schema: dict[str, Any]) -> list[Any]:
    """Give what the schema itself shows, best first; null only where it is meant as an example."""
    if schema.get("examples"):
        return list(schema["examples"])
    singles = [schema.get(name) for name in ("example", "default", "const")]
    return [value for value in (*singles, *schema.get("enum", ())) if value is not None]
