"""One module per stage: `<stage>.py` holds the actors that call that stage's service."""
