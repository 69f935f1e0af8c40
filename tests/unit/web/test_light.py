"""What the web app imports: it may stand on a host that holds no model."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "sklearn",
    "lightgbm",
    "prophet",
    "statsmodels",
    "bentoml",
    "evidently",
    "dvc",
    "papermill",
)


def test_the_web_app_loads_no_model_stack() -> None:
    """Every route is imported, and none of the libraries of training and serving."""
    code = (
        "import sys; import horizonte.web.app; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
