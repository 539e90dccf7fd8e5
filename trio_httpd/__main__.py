"""``python -m trio_httpd`` is the command ``trio-httpd``."""

import sys

from ._cli.main import main

sys.exit(main())
