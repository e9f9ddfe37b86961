"""Request and response structs of the parties, one module per subject as in `domain`."""
