"""What all tests share: how Hypothesis searches.

``HYPOTHESIS_PROFILE=dev`` searches anew in each run; without it every run tries the same examples.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
