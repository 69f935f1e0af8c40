"""The parameters of a run: ``params.yaml``, with what a notebook's reader changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from horizonte import params, paths
from horizonte.params import Params


def load(root: Path, *, stage: str, given: Mapping[str, object] | None = None) -> Params:
    """Return the parameters with ``given`` in place of those of section ``stage``.

    None in ``given`` stands for "as params.yaml says". Raises ConfigFault as ``params.load``,
    also for a name that the section does not know.
    """
    found = params.load(root / paths.MARKER)
    changed = {name: value for name, value in (given or {}).items() if value is not None}
    if not changed:
        return found
    content = found.model_dump(mode="json")
    content[stage] |= changed
    return params.parse(content, name="given parameters")
