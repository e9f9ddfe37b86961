"""Listings: what sellers offer, the papers behind it, and the public catalogue of what can be bought."""
