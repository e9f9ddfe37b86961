"""Who holds an RDS CAL today: the usage report of a Remote Desktop licence server.

A line is one CAL in use, so its quantity is one. A temporary licence (status 1) is no CAL: the
device still waits for one (RD03).
"""

from typing import Final

from marketplace.imports.domain.batch import Kind, Outcome
from marketplace.imports.domain.headings import fold
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.lines import CheckedLine, Context, LineProblem, RawLine
from marketplace.imports.domain.names import read_metrics, read_version
from marketplace.imports.domain.positions import bad, formula_problems, text_of
from marketplace.licensing.catalogue import Metric, Product

FAMILY: Final = "rds_cal"
_TEMPORARY: Final = frozenset(
    {"1", "temporary", "temporar", "vorlaufig", "temporare lizenz", "temporaire", "midlertidig"}
)


def check(line: RawLine, context: Context) -> CheckedLine:
    """Judge one issued licence."""
    del context  # A report of today's use depends on no convention and no day.
    problems = formula_problems(line)
    versions = read_version(text_of(line, "version"), FAMILY)
    if len(versions) != 1:
        problems.append(LineProblem("version_unreadable", "version"))
    metric = _metric(line)
    holder = text_of(line, "device" if metric is Metric.DEVICE else "user")
    if metric is None or not holder:
        problems.append(LineProblem("holder_missing", "user"))
    if problems or metric is None:
        return bad(line, problems, None, None)
    is_temporary = fold(text_of(line, "status")) in _TEMPORARY
    return CheckedLine(
        number=line.number,
        outcome=Outcome.OTHER if is_temporary else Outcome.GOOD,
        read=line.cells,
        product=Product(FAMILY, versions[0], metric).key,
        quantity=1,
        holder=holder,
        notes=("temporary_licence",) if is_temporary else (),
    )


def _metric(line: RawLine) -> Metric | None:
    told = read_metrics(f"{text_of(line, 'metric')} {text_of(line, 'version')}")
    if len(told) == 1:
        return told[0]
    has_user, has_device = bool(text_of(line, "user")), bool(text_of(line, "device"))
    # A report per user may also name the computer; one without users is a report per device.
    if has_user:
        return Metric.USER
    return Metric.DEVICE if has_device else None


RDS_USAGE: Final = KindForm(
    kind=Kind.RDS_USAGE, file_types=("csv", "xlsx"), lines_max=100_000, check=check
)
