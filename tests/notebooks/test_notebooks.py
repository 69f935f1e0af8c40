"""Notebooks tell, modules do: what a committed notebook may hold, and that each one runs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT, Project

from horizonte import paths
from horizonte.errors import ConfigFault, DataFault
from horizonte.pipeline import files, notebook

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
STAGES = ("clean", "train", "evaluate")
SQL = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE .* SET|DELETE FROM)\b", re.IGNORECASE)
PATH = re.compile(r"""["'](?:/|\.{1,2}/|data/|src/|~)|\bPath\(|\bopen\(""")


def _cells(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["cells"])


def _code(path: Path) -> list[str]:
    return ["".join(c["source"]) for c in _cells(path) if c["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_committed_without_outputs(path: Path) -> None:
    """No output, count or noted run; cells are numbered, so a save changes no byte."""
    for number, cell in enumerate(_cells(path)):
        assert cell["id"] == str(number)
        assert set(cell["metadata"]) <= {"tags"}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_tells_and_does_not_do(path: Path) -> None:
    """At most 12 code cells; no function, class, path or SQL; a parameters cell; assertions."""
    code = _code(path)
    assert len(code) <= 12
    text = "\n".join(re.sub(r"^%.*$", "", c, flags=re.MULTILINE) for c in code)
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef)
    assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)]
    assert any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(text)))
    assert not SQL.search(text)
    assert not PATH.search(text)
    tags = [c["metadata"].get("tags", []) for c in _cells(path)]
    assert tags.count(["parameters"]) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_the_section(stage: str) -> None:
    """The parameters cell names exactly the stage's section of params.yaml."""
    notebook.check(ROOT / files.notebook(stage), notebook.section(ROOT / paths.MARKER, stage))


def test_an_unknown_parameter_is_refused() -> None:
    """A parameter that the notebook does not name is an error, where papermill only warns."""
    section = notebook.section(ROOT / paths.MARKER, "clean") | {"impute_upto": "PT1H"}
    with pytest.raises(ConfigFault, match="impute_upto"):
        notebook.check(ROOT / files.notebook("clean"), section)


def test_a_failing_cell_fails_the_stage(tmp_path: Path) -> None:
    """A cell that raises fails the run, named, and leaves the executed copy to look at."""
    source = json.loads((ROOT / files.notebook("evaluate")).read_text())
    cells = [c for c in source["cells"] if c["metadata"].get("tags") == ["parameters"]]
    broken = {**cells[0], "id": "99", "metadata": {}, "source": "1 / 0"}
    (tmp_path / "notebooks").mkdir()
    content = {**source, "cells": [*cells, broken]}
    (tmp_path / files.notebook("evaluate")).write_text(json.dumps(content))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"evaluate": {"buckets": ["PT6H"]}}))
    with pytest.raises(DataFault, match="ZeroDivisionError"):
        notebook.run("evaluate", root=tmp_path)
    assert (tmp_path / files.executed("evaluate")).is_file()


@pytest.mark.parametrize("stage", STAGES)
def test_pipeline_notebooks_ran(project: Project, stage: str) -> None:
    """Each pipeline notebook ran top to bottom and has its page."""
    executed = project.root / files.executed(stage)
    code = [c for c in _cells(executed) if c["cell_type"] == "code"]
    assert all(c["execution_count"] for c in code)
    assert executed.with_suffix(".html").is_file()


def test_explored_notebook_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example that reads the store as of a date runs against a loaded store."""
    import papermill

    monkeypatch.setenv("HORIZONTE_HOME", project.env["HORIZONTE_HOME"])
    out = project.root / "explored.ipynb"
    papermill.execute_notebook(
        str(project.root / "notebooks/explore/as_of_and_vintages.ipynb"),
        str(out),
        cwd=str(project.root / "notebooks/explore"),
        progress_bar=False,
    )
    assert all(c["execution_count"] for c in _cells(out) if c["cell_type"] == "code")


def test_saving_strips_what_a_run_left(tmp_path: Path) -> None:
    """Run by hand and saved, a notebook is byte for byte what it was: DVC sees no change."""
    path = ROOT / files.notebook("clean")
    content = json.loads(path.read_text())
    ran = json.loads(path.read_text())
    ran["metadata"]["language_info"] = {"name": "python", "version": "3.11"}
    for cell in ran["cells"]:
        cell["metadata"]["execution"] = {"iopub.status.busy": "now"}
        cell["id"] = f"random-{cell['id']}"
        if cell["cell_type"] == "code":
            cell["execution_count"] = 3
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    scope: dict[str, Any] = {"get_config": _Config}
    config = ROOT / "notebooks/.jupyter/jupyter_server_config.py"
    exec(compile(config.read_text(), str(config), "exec"), scope)  # noqa: S102 (as Jupyter does)
    scope["strip"]({"type": "notebook", "content": ran})
    assert ran == content


class _Config:
    def __getattr__(self, name: str) -> Any:
        return _Config()
