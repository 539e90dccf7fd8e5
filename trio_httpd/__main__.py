"""``python -m trio_httpd`` is the command ``trio-httpd``."""

import sys

from .cli import main

sys.exit(main())
