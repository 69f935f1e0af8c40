"""The pipeline is wired as it says: stages, parameters, modules, notebooks, deps and outs agree."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from horizonte.ingest.sources import load_sources
from horizonte.params import Params
from horizonte.pipeline import files

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, Any] = PIPELINE["stages"]
NOTEBOOKS = ("clean", "train", "evaluate")
WITHOUT_PARAMETERS = ("load",)  # what it loads is declared in sources.yaml


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the files of the package that ``path`` imports by itself, anywhere in its code."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(_code(path))):
        if isinstance(node, ast.Import):
            for name in node.names:
                found |= _files(name.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                found |= _files(f"{node.module}.{name.name}") or _files(node.module)
                found |= _files(node.module)
    return frozenset(found)


def _files(module: str) -> set[Path]:
    """Return the file of a module and the ``__init__`` of every package above it."""
    parts = module.split(".")
    if parts[0] != "horizonte":
        return set()
    places = [SRC.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    candidates = [p / "__init__.py" for p in places] + [places[-1].with_suffix(".py")]
    if not candidates[-1].is_file() and not candidates[-2].is_file():
        return set()
    return {p for p in candidates if p.is_file()}


def _code(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    lines = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code")
    return re.sub(r"^%.*$", "", lines, flags=re.MULTILINE)


def reached(stage: str) -> set[Path]:
    """Return every file of the package that runs when ``stage`` runs."""
    start = {SRC / f"horizonte/pipeline/{stage}.py"}
    if stage in NOTEBOOKS:
        start |= {ROOT / files.notebook(stage), SRC / "horizonte/pipeline/notebook.py"}
    seen, todo = set(start), list(start)
    while todo:
        new = _imports(todo.pop()) - seen
        seen |= new
        todo += new
    return {p for p in seen if not _says_only_what_it_is(p)}


def _says_only_what_it_is(path: Path) -> bool:
    """Tell an ``__init__`` of words and a version: it changes no result."""
    if path.name != "__init__.py":
        return False
    body = ast.parse(path.read_text()).body
    return not any(
        isinstance(n, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) for n in body
    )


def _paths(stage: str, kind: str) -> list[str]:
    entries = STAGES[stage].get(kind, [])
    return [e if isinstance(e, str) else next(iter(e)) for e in entries]


def test_one_name_in_all_places() -> None:
    """A stage has one name in dvc.yaml, params.yaml, the package, the notebooks and the tests."""
    assert set(STAGES) - set(WITHOUT_PARAMETERS) == set(Params.model_fields)
    for stage in STAGES:
        assert (SRC / f"horizonte/pipeline/{stage}.py").is_file()
        assert (ROOT / f"tests/pipeline/test_{stage}.py").is_file(), stage
    for stage in NOTEBOOKS:
        assert (ROOT / files.notebook(stage)).is_file()


@pytest.mark.parametrize("stage", STAGES)
def test_command_runs_the_module(stage: str) -> None:
    """A stage runs its module, or the notebook that calls it."""
    run = f"notebook {stage}" if stage in NOTEBOOKS else stage
    assert STAGES[stage]["cmd"] == f"python -m horizonte.pipeline.{run}"


@pytest.mark.parametrize("stage", STAGES)
def test_every_imported_module_is_a_dep(stage: str) -> None:
    """Every file that a stage reaches by imports is among its deps, or in a folder that is."""
    deps = [ROOT / d for d in _paths(stage, "deps")]
    missing = sorted(
        str(p.relative_to(ROOT))
        for p in reached(stage)
        if not any(p == d or d in p.parents for d in deps)
    )
    assert not missing


@pytest.mark.parametrize("stage", STAGES)
def test_no_dep_is_idle(stage: str) -> None:
    """Every dep on code exists and is reached: nothing runs again for what it does not use."""
    code = reached(stage)
    idle = [
        d
        for d in _paths(stage, "deps")
        if d.startswith("src/")
        and _holds_code(ROOT / d)
        and not any(p == ROOT / d or ROOT / d in p.parents for p in code)
    ]
    assert not idle
    assert all((ROOT / d).exists() for d in _paths(stage, "deps") if not d.startswith("data/"))


def _holds_code(dep: Path) -> bool:
    return dep.suffix == ".py" or any(dep.rglob("*.py"))


def test_deps_of_data_are_outs_of_an_earlier_stage() -> None:
    """Each file of data that a stage reads was written by a stage before it, or is in git."""
    made: set[str] = set()
    for stage in STAGES:
        read = {d for d in _paths(stage, "deps") if d.startswith("data/") and "sample" not in d}
        assert read <= made, stage
        made |= {p for kind in ("outs", "metrics") for p in _paths(stage, kind)}


def test_load_depends_on_every_declared_file() -> None:
    """The files that sources.yaml declares are deps of ``load``."""
    deps = [ROOT / d for d in _paths("load", "deps")]
    declared = [
        p
        for s in load_sources(ROOT / "sources.yaml").values()
        for pattern in s.files
        for p in ROOT.glob(pattern)
    ]
    assert declared
    assert not [p for p in declared if not any(p == d or d in p.parents for d in deps)]


@pytest.mark.parametrize("stage", sorted(set(STAGES) - set(WITHOUT_PARAMETERS)))
def test_stage_depends_on_its_parameters(stage: str) -> None:
    """A stage is run again when its own section of params.yaml changes."""
    assert stage in STAGES[stage]["params"]


def test_no_page_is_an_out() -> None:
    """Executed notebooks and Evidently's pages differ between runs, so DVC never keeps them."""
    outs = {p for stage in STAGES for p in _paths(stage, "outs")}
    pages = {p for p in outs if p.endswith((".html", ".ipynb"))}
    assert pages <= {str(files.PLOTS_TEMPLATE)}
