"""The rules of the house that no linter knows: sizes, documented settings, importable parts."""

from __future__ import annotations

import ast
import importlib
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from horizonte.config import Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src/horizonte").rglob("*.py"))


def _functions(path: Path) -> list[tuple[str, int, int]]:
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            found.append(
                (
                    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
                    lines,
                    len(node.args.args + node.args.kwonlyargs),
                )
            )
    return found


FUNCTIONS = [f for path in SOURCES for f in _functions(path)]


def test_files_are_small() -> None:
    """The median file has at most 120 lines and 95 % have at most 250."""
    lengths = {p.relative_to(ROOT): len(p.read_text().splitlines()) for p in SOURCES}
    assert statistics.median(lengths.values()) <= 120
    long = sorted(p for p, n in lengths.items() if n > 250)
    assert len(long) <= len(lengths) * 0.05, long


def test_functions_are_small() -> None:
    """The median body has at most 8 lines, 95 % at most 25, none more than 40."""
    lengths = sorted(n for _, n, _ in FUNCTIONS)
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 25, [f for f in FUNCTIONS if f[1] > 25]
    assert not [f for f in FUNCTIONS if f[1] > 40]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    """Each HORIZONTE_ setting stands in docs/settings.md."""
    assert f"`HORIZONTE_{name.upper()}`" in (ROOT / "docs/settings.md").read_text()


def test_every_required_package_imports() -> None:
    """The locked set works together: every required package imports in one process."""
    code = (
        "import jupyterlab, papermill, dvc.api, dvc_s3, pandas, openpyxl, statsmodels.api, prophet, sklearn,"
        "bentoml, paho.mqtt.client, psycopg, evidently, lightgbm, pyarrow, pgpq, iotcore"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_every_module_has_a_docstring(path: Path) -> None:
    """Each module with code says in its first line what it guarantees."""
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)


def test_lock_names_no_index() -> None:
    """Committed requirements carry hashes and no index address."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, lock


@pytest.mark.parametrize("module", ["horizonte.model", "horizonte.prepare", "horizonte.quick"])
def test_light_paths_stay_light(module: str) -> None:
    """The pure core and quick import no driver, DVC, papermill, Evidently or BentoML."""
    importlib.import_module(module)
    code = (
        f"import sys, pkgutil, importlib; m = importlib.import_module('{module}');"
        "[importlib.import_module(f'{m.__name__}.{i.name}') for i in pkgutil.iter_modules(getattr(m, '__path__', []))];"
        "print([n for n in ('psycopg','dvc','papermill','evidently','bentoml','boto3') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
