"""`python -m marketplace COMMAND`: the same as the `cession` command, without installing anything."""

import sys

from marketplace.cli import main

if __name__ == "__main__":
    sys.exit(main())
