"""What every process does about memory once it has started."""

import gc


def settle_memory() -> None:
    """Keep the collector from walking what start-up made: that cost the slowest requests most."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
