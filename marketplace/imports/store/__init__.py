"""Rows to imports, lines and files, and back."""
