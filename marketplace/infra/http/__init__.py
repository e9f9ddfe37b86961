"""The HTTP edge: who calls, what a refusal looks like, replays, cursors, ETags, request ids, limits."""
