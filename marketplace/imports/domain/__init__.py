"""What an import is, how files are read, and what is found on each line. Pure."""
