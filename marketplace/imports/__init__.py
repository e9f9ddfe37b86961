"""Imports: files of customers in, checked lines out."""
