"""Files of many lines, taken in and checked: licence statements, lists, usage reports, accesses."""
