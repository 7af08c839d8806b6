"""``python -m optima``."""

import sys

from optima.cli import main

sys.exit(main())
