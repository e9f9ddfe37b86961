"""Plumbing that knows no stage: settings, database, unit of work, jobs, HTTP edge, storage, rendering."""
