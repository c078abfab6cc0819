"""``python -m pruning_amr``, and the program ``pruning-amr``."""

from __future__ import annotations

import sys

from .environment import require_python
from .errors import DependencyError


def main() -> int:
    """Run the command line, if Python can; return the exit code.

    What else is needed is asked for by the commands that need it.
    """
    try:
        require_python()
    except DependencyError as error:
        print(f"pruning-amr: {error}", file=sys.stderr)
        return 2
    from .cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
