"""Reviews: the operator's staff look at the papers and decide whether a listing may be sold."""
