"""Use cases of needs: the stage's face towards workers and its own routes."""

from marketplace.needs.service.asking import (
    Question,
    ask,
    delete_need,
    forget_names,
    list_needs,
    load_assignment,
    load_need,
)
from marketplace.needs.service.computing import (
    Read,
    Reading,
    Solved,
    Solving,
    load_reading,
    load_solving,
    price,
    read,
    record_reading,
    record_solving,
    solve,
)

__all__ = [
    "Question",
    "Read",
    "Reading",
    "Solved",
    "Solving",
    "ask",
    "delete_need",
    "forget_names",
    "list_needs",
    "load_assignment",
    "load_need",
    "load_reading",
    "load_solving",
    "price",
    "read",
    "record_reading",
    "record_solving",
    "solve",
]
