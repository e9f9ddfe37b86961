"""Cession: the resale desk and title register for client access licences. Start at `README.md` beside this file."""
