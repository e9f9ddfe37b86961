"""The licences move: the seller declares the end of its use, then the register posts two links at once."""
