"""JupyterLab as `make lab` starts it: a saved notebook holds no output and nothing of its run.

So running a notebook by hand and saving it changes no byte that DVC or git would see.
"""

from typing import Any

KEPT = {"kernelspec", "language_info"}


def strip(model: dict[str, Any], **_: object) -> None:
    """Remove outputs, counts and what an editor noted from a notebook about to be saved."""
    if model["type"] != "notebook" or model["content"].get("nbformat") != 4:
        return
    content = model["content"]
    metadata = content["metadata"]
    content["metadata"] = {key: metadata[key] for key in sorted(KEPT & set(metadata))}
    content["metadata"]["language_info"] = {"name": "python"}
    for number, cell in enumerate(content["cells"]):
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k == "tags"}
        cell["id"] = str(number)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


c = get_config()  # type: ignore[name-defined]  # noqa: F821  # given by Jupyter
c.FileContentsManager.pre_save_hook = strip
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.open_browser = False
c.MappingKernelManager.default_kernel_name = "python3"
c.LabApp.collaborative = False
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LanguageServerManager.autodetect = False
