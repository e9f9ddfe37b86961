"""Settings come from `CESSION_*` environment variables, once, at the start of a process.

A wrong value stops the start with one line that names the variable and says what is allowed. Every field
here stands in the table of the README (checked by a test).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from marketplace.kernel.text import CountryCode, CurrencyCode

PREFIX: Final = "CESSION_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
BasisPoints = Annotated[int, Meta(ge=0, le=5000)]


class SettingsError(Exception):
    """A setting is wrong; the message says which and what is allowed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this installation runs. Names are the environment variables in lower case without the prefix."""

    data_dir: str = "var"
    """Folder for the embedded database, stored files and state; survives restarts."""
    database_url: str = ""
    """`postgresql://user@host/name` as role `cession_app`; empty starts the embedded PostgreSQL."""
    migration_database_url: str = ""
    """The same database as role `cession_owner`; only `migrate` and staff commands use it."""
    database_pool_size: Positive = 12
    """Connections per process; processes x pool should stay under 80 % of `max_connections`."""
    broker_url: str = ""
    """`amqp://...` sends jobs through RabbitMQ and the relay; empty lets workers read the job table."""
    broker_prefix: str = "cession"
    """Prefix of queue names in RabbitMQ, so that two installations can share one server."""
    job_lease_seconds: Positive = 60
    """After a worker dies its jobs are free again after this time."""
    worker_threads: Positive = 8
    """Jobs of the queue `default` that one worker process runs at once."""
    host: str = "127.0.0.1"
    """Address the API listens on."""
    port: Port = 8080
    """Port the API listens on; 0 takes a free one."""
    server: str = "uvicorn"
    """HTTP server: `uvicorn` or `granian`."""
    public_url: str = "http://127.0.0.1:8080"
    """Address people use; printed in certificates and QR codes."""
    storage_url: str = ""
    """`s3://bucket/prefix` for object storage; empty stores files in `data_dir/files`."""
    storage_endpoint: str = ""
    """Address of an S3-compatible server other than AWS."""
    storage_region: str = "eu-central-1"
    """Region of the bucket."""
    storage_access_key_id: str = ""
    """Access key of the bucket; empty takes the machine's own role."""
    storage_secret_access_key: str = ""
    """Secret key of the bucket."""
    log_format: str = "json"
    """`json` for machines, `console` for people."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    rate_limit_per_minute: Positive = 600
    """Requests per minute and credential (or address, without one)."""
    login_limit_per_minute: Positive = 10
    """Log-ins and registrations per minute and address."""
    operator_country: CountryCode = "DE"
    """Country the operator is established in; decides domestic VAT."""
    currency: CurrencyCode = "EUR"
    """Currency of listings, quotes and orders."""
    buyer_fee_bp: BasisPoints = 500
    """Fee added to the licence price for the buyer, in basis points (500 = 5 %)."""
    seller_fee_bp: BasisPoints = 300
    """Fee kept from the seller's price, in basis points."""
    quote_valid_seconds: Positive = 1800
    """How long a quote stands and its units stay reserved."""
    payment_term_days: Positive = 7
    """How long an accepted order waits for its payment."""
    render_processes: Positive = 1
    """Child processes of a worker that render PDFs."""


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read settings; raise `SettingsError` for a wrong value and for an unknown `CESSION_*` name."""
    known = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    given: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in known:
            raise SettingsError(f"{variable} is not a setting; known: {', '.join(sorted(known))}")
        given[known[variable]] = text
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as problem:
        raise SettingsError(_explain(str(problem))) from problem
    _check_choices(settings)
    return settings


def files_dir(settings: Settings) -> Path:
    """Give the folder of the local file storage."""
    return Path(settings.data_dir) / "files"


def _explain(problem: str) -> str:
    reason, _, path = problem.partition(" - at `$.")
    return f"{PREFIX}{path.rstrip('`').upper()}: {reason}"


def _check_choices(settings: Settings) -> None:
    choices = {
        "server": ("uvicorn", "granian"),
        "log_format": ("json", "console"),
        "log_level": ("debug", "info", "warning", "error"),
    }
    for name, allowed in choices.items():
        value = getattr(settings, name)
        if value not in allowed:
            raise SettingsError(
                f"{PREFIX}{name.upper()}: {value!r} is not one of {', '.join(allowed)}"
            )
    for name, schemes in {
        "database_url": ("postgresql://",),
        "migration_database_url": ("postgresql://",),
        "broker_url": ("amqp://", "amqps://"),
        "storage_url": ("s3://",),
        "storage_endpoint": ("http://", "https://"),
        "public_url": ("http://", "https://"),
    }.items():
        value = getattr(settings, name)
        if value and not value.startswith(schemes):
            raise SettingsError(f"{PREFIX}{name.upper()}: must start with {' or '.join(schemes)}")
