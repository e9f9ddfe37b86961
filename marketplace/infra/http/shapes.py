"""Schemas of bodies and answers as the decoder and encoder themselves know them.

The framework's own schemas lose the bounds of list elements and of unions and do not say that unknown fields are
refused. `msgspec` makes both the code that reads a body and this description of it, so the two cannot differ.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args, get_origin

import msgspec
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg

from marketplace.infra.http.answers import Answer

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_PACKAGE: Final = "marketplace."


def use_exact_shapes(document: dict[str, Any], handlers: Mapping[str, HTTPRouteHandler]) -> None:
    """Replace the schemas of JSON bodies and answers in an OpenAPI document."""
    places: list[tuple[dict[str, Any], Any]] = []
    for operation in _operations(document):
        places.extend(_places(operation, handlers[operation["operationId"]]))
    types = [kind for _, kind in places]
    shapes, components = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
    for (media, _), shape in zip(places, shapes, strict=True):
        media["schema"] = shape
    known = document["components"].setdefault("schemas", {})
    for name, shape in components.items():
        _keep_formats(shape, known.get(name, {}))
    known |= components
    _shorten_names(document)
    _drop_unused(document)


def _operations(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def _places(
    operation: dict[str, Any], handler: HTTPRouteHandler
) -> Iterable[tuple[dict[str, Any], Any]]:
    """Give where the operation describes JSON, and the type that is read or written there."""
    field = handler.parsed_data_field
    if field is not None and isinstance(field.kwarg_definition, BodyKwarg):
        body = operation["requestBody"]["content"]
        if field.kwarg_definition.media_type == RequestEncodingType.JSON:
            yield body[_JSON], field.annotation
    kind = handler.parsed_return_field.annotation
    if get_origin(kind) is Answer:
        kind = get_args(kind)[0]
    good = operation["responses"].get(str(handler.status_code), {}).get("content", {})
    if _JSON in good and kind is not Any:
        yield good[_JSON], kind


def _keep_formats(shape: dict[str, Any], framework: dict[str, Any]) -> None:
    """Take over what only the framework says: that a text is a date or a time."""
    for name, field in shape.get("properties", {}).items():
        told = framework.get("properties", {}).get(name, {})
        formats = {node["format"] for node in (told, *told.get("oneOf", ())) if "format" in node}
        for node in (field, *field.get("anyOf", ())):
            if node.get("type") == "string" and "format" not in node and len(formats) == 1:
                node["format"] = next(iter(formats))


def _shorten_names(document: dict[str, Any]) -> None:
    """Write `quotes.ProductOut` for the types whose bare name two stages use."""
    schemas = document["components"]["schemas"]
    short = {
        name: f"{parts[1]}.{parts[-1]}"
        for name in schemas
        if name.startswith(_PACKAGE) and (parts := name.split("."))
    }
    for name, better in short.items():
        schemas[better] = schemas.pop(name)
    for node in _nodes(document):
        name = str(node.get("$ref", "")).removeprefix(_REF)
        if name in short:
            node["$ref"] = _REF + short[name]


def _drop_unused(document: dict[str, Any]) -> None:
    """Leave out what nothing refers to any more; repeated, because what goes may have referred to others."""
    schemas = document["components"]["schemas"]
    while True:
        used = {str(node.get("$ref", "")).removeprefix(_REF) for node in _nodes(document)}
        unused = set(schemas) - used
        if not unused:
            return
        for name in unused:
            del schemas[name]


def _nodes(tree: Any) -> Iterable[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for branch in tree.values():
            yield from _nodes(branch)
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from _nodes(branch)
