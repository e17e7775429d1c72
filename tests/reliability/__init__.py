"""Small versions of attacks on the README's guarantees.

`make long` makes them ten times as large; `benchmarks/reliability.py` runs the long form.
"""

import os
from typing import Final

SCALE: Final = int(os.environ.get("DEPTHBOARD_RELIABILITY", "1"))
