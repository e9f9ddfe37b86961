"""Strong ETags on single resources and `If-Match` on change (RFC 9110 section 13)."""

from uuid import UUID

from marketplace.kernel.errors import PreconditionFailed, PreconditionRequired


def etag_of(resource_id: UUID, version: int) -> str:
    """Give the ETag of one version of one resource."""
    return f'"{resource_id.hex[-16:]}.{version}"'


def require_match(if_match: str | None, resource_id: UUID, version: int) -> None:
    """Refuse a change that was not made on the stored version (428 without the header, 412 with an old tag).

    As RFC 9110 section 13.1.1 says, the header is a list of tags of which one must fit, or `*`: any version.
    """
    if if_match is None:
        raise PreconditionRequired(
            "etag.missing", "Send If-Match with the ETag you read, so that nobody's change is lost."
        )
    tags = {tag.strip() for tag in if_match.split(",")}
    if not tags & {"*", etag_of(resource_id, version)}:
        raise PreconditionFailed(
            "etag.changed",
            "It was changed since you read it; read it again and repeat your change.",
        )
