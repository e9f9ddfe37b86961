"""The vocabulary every room shares: pure values, no I/O, standard library and msgspec only."""
