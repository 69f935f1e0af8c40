"""From a spreadsheet to a forecast file, as a person runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from horizonte import quick
from horizonte.errors import DataFault
from horizonte.quick import files


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Brazilian export: semicolons, decimal commas, day first, local times, a refused cell."""
    path = tmp_path_factory.mktemp("quick") / "consumo.csv"
    ds = pd.date_range("2025-03-01", periods=300, freq="h")
    rng = np.random.default_rng(1)
    values = 1234.5 + 100 * np.sin(2 * np.pi * np.arange(300) / 24) + rng.normal(0, 5, 300)
    lines = [
        f"{d:%d/%m/%Y %H:%M};{v:.1f}".replace(".", ",") for d, v in zip(ds, values, strict=True)
    ]
    lines[7] = lines[7].split(";")[0] + ";quebrado"
    path.write_text("\n".join(["data;Consumo", *lines]), encoding="cp1252")
    return path


def test_the_command_writes_a_workbook_with_chart_scores_refusals_and_words(
    sheet: Path, tmp_path: Path
) -> None:
    """`horizonte quick` writes true dates, the refused cell with its place, and a report."""
    out, html = tmp_path / "f.xlsx", tmp_path / "f.html"
    done = subprocess.run(
        [
            Path(sys.executable).parent / "horizonte",
            "quick",
            sheet,
            "--horizon",
            "24",
            "--zone",
            "America/Sao_Paulo",
            "--day-first",
            "--out",
            out,
            "--html",
            html,
            "--budget-seconds",
            "2",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Forecast", "Scores", "Refused", "In plain words"]
    assert book["Forecast"].max_row == 25
    assert book["Forecast"]["B2"].is_date
    assert len(book["Forecast"]._charts) == 1
    refused = [cell.value for cell in book["Refused"][2]]
    assert (refused[2], refused[4]) == (9, "quebrado")
    assert "America/Sao_Paulo" in book["In plain words"]["A1"].value
    assert "http" not in html.read_text().replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")


def test_two_readings_of_a_date_are_refused_with_the_option_that_settles_them(
    tmp_path: Path,
) -> None:
    """01/02 to 12/02 could be day or month first: the refusal says which option to pass."""
    path = tmp_path / "a.csv"
    path.write_text("time,y\n" + "".join(f"0{i}/02/2025 00:00,{i}\n" for i in range(1, 9)))
    with pytest.raises(DataFault) as refusal:
        files.load(path, hints={"zone": "UTC"})
    assert "day_first" in refusal.value.fix


def test_another_ending_is_refused(tmp_path: Path) -> None:
    """An output format that is not one of three is refused by name."""
    rows = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2025", periods=60, freq="h"), "y": range(60)}
    )
    found = quick.run(rows, horizon=2, budget_seconds=1)
    with pytest.raises(DataFault, match=r"f\.pdf"):
        files.save(tmp_path / "f.pdf", found, refused=rows[:0], sentences=[])
