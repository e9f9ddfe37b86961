"""The kinds of file that can be imported: one file each, and this registry."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.kinds.access_pairs import ACCESS_PAIRS
from marketplace.imports.domain.kinds.form import KindForm
from marketplace.imports.domain.kinds.licence_list import LICENCE_LIST
from marketplace.imports.domain.kinds.licence_statement import LICENCE_STATEMENT
from marketplace.imports.domain.kinds.rds_usage import RDS_USAGE

KINDS: Final[Mapping[Kind, KindForm]] = MappingProxyType(
    {form.kind: form for form in (LICENCE_STATEMENT, LICENCE_LIST, RDS_USAGE, ACCESS_PAIRS)}
)
