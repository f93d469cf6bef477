"""`python -m composio` is the program `composio`."""

import sys

from composio._program import main

if __name__ == "__main__":
    sys.exit(main())
