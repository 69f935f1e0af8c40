"""Run a stage's notebook as DVC does: parameters from ``params.yaml``, results as HTML."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from horizonte import paths
from horizonte.errors import ConfigFault, DataFault
from horizonte.pipeline import files, shell

logger = logging.getLogger(__name__)


def run(stage: str, *, root: Path) -> Path:
    """Execute ``notebooks/<stage>.ipynb`` and return the HTML page made of it.

    The parameters are the section ``stage`` of ``params.yaml``, all of it and nothing else:
    ConfigFault when the notebook's parameters cell names others. DataFault when a cell
    fails; the executed copy beside the page then shows where.
    """
    source = root / files.notebook(stage)
    parameters = section(root / paths.MARKER, stage)
    check(source, parameters)
    executed = root / files.executed(stage)
    executed.parent.mkdir(parents=True, exist_ok=True)
    _execute(source, executed, parameters)
    page = executed.with_suffix(".html")
    page.write_text(html(executed), encoding="utf-8")
    logger.info("notebook ran: stage=%s page=%s", stage, page.relative_to(root))
    return page


def section(params: Path, stage: str) -> dict[str, Any]:
    """Return the section ``stage`` of ``params.yaml`` as written there."""
    sections = yaml.safe_load(params.read_text(encoding="utf-8"))
    if stage not in sections:
        raise ConfigFault("params.yaml section", stage, f"one of {sorted(sections)}", "add it")
    return dict(sections[stage])


def check(source: Path, parameters: Mapping[str, Any]) -> None:
    """Raise ConfigFault unless the parameters cell names exactly ``parameters``.

    papermill itself only warns about a name that the notebook does not know.
    """
    declared = _papermill().inspect_notebook(str(source))
    odd = sorted(set(declared) ^ set(parameters))
    if odd:
        raise ConfigFault(
            f"{source.name} parameters",
            odd,
            f"exactly {sorted(parameters)}",
            "make the parameters cell and params.yaml name the same",
        )


def html(executed: Path) -> str:
    """Return an executed notebook as one page that loads nothing from anywhere."""
    _light()
    from nbconvert.exporters.html import HTMLExporter

    exporter: Any = HTMLExporter(  # type: ignore[no-untyped-call]  # the library has no types
        template_name="lab",
        require_js_url="",
        jquery_url="",
        mathjax_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
        jupyter_widgets_base_url="",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    page, _ = exporter.from_filename(str(executed))
    return str(page)


def _execute(source: Path, executed: Path, parameters: Mapping[str, Any]) -> None:
    papermill = _papermill()
    try:
        papermill.execute_notebook(
            str(source),
            str(executed),
            dict(parameters),
            kernel_name="python3",
            cwd=str(source.parent),
            progress_bar=False,
            request_save_on_cell_execute=False,
            config=_private_kernel(),
        )
    except papermill.PapermillExecutionError as why:
        raise DataFault(
            f"{source.name} cell {why.exec_count}",
            f"{why.ename}: {why.evalue}",
            "a cell that runs",
            f"open {executed.name} beside its page",
        ) from why


def _private_kernel() -> Any:
    """Settings of a kernel that talks over files of this user, not over TCP."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc"}})


def _papermill() -> Any:
    _light()
    import papermill

    return papermill


def _light() -> None:
    """Keep jsonschema from compiling an IRI grammar: 3 s for a format no notebook holds."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: not there


def main() -> None:
    """Run the notebook named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m horizonte.pipeline.notebook")
    parser.add_argument("stage")
    run(parser.parse_args().stage, root=paths.project_root())


if __name__ == "__main__":
    shell.run(main)
