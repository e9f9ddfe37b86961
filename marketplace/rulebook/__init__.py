"""The rule book over HTTP: rules, coverage and eligibility, for anybody."""
