"""What the rule book takes and gives."""
