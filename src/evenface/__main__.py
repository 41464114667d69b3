"""``python -m evenface``."""

import sys

from evenface.cli import main

sys.exit(main())
