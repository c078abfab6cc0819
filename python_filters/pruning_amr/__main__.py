"""``python -m pruning_amr``."""

import sys

from .cli import main

sys.exit(main())
