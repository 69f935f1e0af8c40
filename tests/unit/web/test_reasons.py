"""Degraded reasons in the reader's language: every one that the service writes is known here."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from horizonte.serve import degraded
from horizonte.serve.losses import Losses
from horizonte.web import reasons
from horizonte.web.language import texts
from horizonte.web.shown import Shown

END = pd.Timestamp("2026-01-15 06:00", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def rows(values: list[float | None], quality: str) -> pd.DataFrame:
    ds = pd.date_range(end=END, periods=len(values), freq="h")
    return pd.DataFrame({"unique_id": "a", "ds": ds, "y": values, "quality": quality})


def written() -> list[str]:
    """Every reason, from the functions that write them."""
    fit = SimpleNamespace(
        selection=SimpleNamespace(of=lambda _: {"linear": 1.0}), members={"linear": None}
    )
    return [
        *degraded._target(rows([None, None], "missing"), "a", END, HOUR),
        *degraded._target(rows([1.0, None], "ok"), "a", END, HOUR),
        *degraded._target(rows([1.0, 2.0, 3.0], "imputed"), "a", END, HOUR),
        *degraded._covariates(Losses(silent=("b", "c"), unknown=("d",))),
        *degraded._fallback(fit, "a"),  # type: ignore[arg-type]
        degraded.NO_MODEL,
    ]


def told(why: str, tag: str) -> str:
    t = texts(tag)
    return reasons.told(why, t, Shown(t.locale), zone="America/Sao_Paulo")


def test_every_reason_is_told_in_portuguese() -> None:
    """None of them stays as the service wrote it; names and numbers are kept."""
    found = written()
    assert len(found) == 7
    assert not [
        why for why in found if told(why, "pt-BR") == why or "trusted" in told(why, "pt-BR")
    ]
    assert told("; ".join(found[3:5]), "pt-BR") == (
        "covariáveis sem leituras há um dia: b, c; covariáveis sem valores futuros conhecidos: d"
    )


def test_instants_are_those_of_the_site() -> None:
    """The step and the hour since when nothing came, in the zone of the series."""
    said = told(written()[1], "en")
    assert said.startswith("no trusted reading for 1 step, since 1/15/26, 2:00")


@pytest.mark.parametrize("tag", ["en", "pt-BR"])
def test_a_reason_of_another_version_stands_as_it_came(tag: str) -> None:
    """What is not known here is shown rather than lost."""
    assert told("moonlight: too bright", tag) == "moonlight: too bright"
