"""Use cases of imports: the stage's face towards later stages, workers and its own routes."""

from marketplace.imports.service.checking import (
    ChunkTask,
    ReadTask,
    begin_chunk,
    begin_reading,
    judge_chunk,
    read_original,
    record_chunk,
    record_reading,
)
from marketplace.imports.service.cleaning import (
    begin_removal,
    forget_old,
    give_up_unfinished,
    record_removal,
)
from marketplace.imports.service.exporting import export_import
from marketplace.imports.service.receiving import (
    Upload,
    accept_import,
    attach_original,
    delete_import,
    list_imports,
    list_lines,
    load_import,
    receive_file,
)
from marketplace.imports.service.using import (
    AccessFile,
    Usage,
    access_file,
    owned_positions,
    usage,
)

__all__ = [
    "AccessFile",
    "ChunkTask",
    "ReadTask",
    "Upload",
    "Usage",
    "accept_import",
    "access_file",
    "attach_original",
    "begin_chunk",
    "begin_reading",
    "begin_removal",
    "delete_import",
    "export_import",
    "forget_old",
    "give_up_unfinished",
    "judge_chunk",
    "list_imports",
    "list_lines",
    "load_import",
    "owned_positions",
    "read_original",
    "receive_file",
    "record_chunk",
    "record_reading",
    "record_removal",
    "usage",
]
