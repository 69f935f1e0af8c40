"""The service against its own document: asked at random what its schemas allow and what they do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
# Left out: that all which a schema allows is accepted (horizons, grids and cursors are beyond one),
# and that another method is always 405 (a POST that is no JSON is told 415 first).
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def test_every_operation_keeps_what_the_document_promises(url: str, tmp_path: Path) -> None:
    """No answer is a 5xx, and each has a status, type, header and body that the document names."""
    program = Path(sys.executable).with_name("schemathesis")
    asked = [program, "run", f"{url}/docs.json", "--url", url, "--phases=examples,coverage,fuzzing"]
    bounds = ["--max-examples=15", "--seed=7", "--generation-database=none", "--no-color"]
    done = subprocess.run(
        [*asked, *bounds, f"--checks={','.join(CHECKS)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "No issues found" in done.stdout or "passed" in done.stdout, done.stdout[-2000:]
