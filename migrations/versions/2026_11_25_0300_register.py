"""The title register: tables, guards, functions and rights.

The SQL stands in the folder of the same name, one file per concern, because it is a program of its own and is read
as one. It belongs to this revision: a later change is a new revision, never an edit.
"""

from pathlib import Path
from typing import Final

from alembic import op

revision = "register"
down_revision = "parties"
branch_labels = None
depends_on = None

FILES: Final = ("1_tables", "2_guards", "3_moves", "4_reservations", "5_desk", "6_access")


def upgrade() -> None:
    connection = op.get_bind()
    folder = Path(__file__).with_suffix("")
    for name in FILES:
        connection.exec_driver_sql((folder / f"{name}.sql").read_text(encoding="utf-8"))
