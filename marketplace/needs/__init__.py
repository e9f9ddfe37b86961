"""Need: how many licences of which kind, at the least cost, and what to do next."""
