"""From facts to PDF: child processes that know templates, fonts and languages, nothing else."""
