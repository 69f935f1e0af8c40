"""Words of the loop's ledger in the reader's language."""

from __future__ import annotations

from typing import get_args

import pytest

from horizonte.model import families
from horizonte.monitor import brakes, evidence, triggers
from horizonte.retrain import gain
from horizonte.store import retrainings
from horizonte.web import language, ledger_page, verdict

BRAKES = (
    *(brakes.YOUNG, brakes.COOLING, brakes.WAITING, brakes.FEW, brakes.ANNOTATED),
    *(brakes.BROKEN, brakes.ASKED, brakes.RECENT),
)
TRIGGERS = (triggers.SKILL, triggers.DRIFT, triggers.AGE, "coverage 80 %", "coverage 90 %")
WORDS = {
    "loop_word": (*BRAKES, *TRIGGERS),
    "step": ("waiting", *get_args(retrainings.Step)),
    "act": get_args(retrainings.Action),
    "said_of": get_args(gain.Said),
    "drift_kind": get_args(evidence.Kind),
    "drift_status": get_args(evidence.Status),
    "family": tuple(families._HOMES),
}


@pytest.mark.parametrize("group", WORDS)
@pytest.mark.parametrize("tag", language.LANGUAGES)
def test_every_word_that_the_ledger_uses_has_a_text(group: str, tag: str) -> None:
    """None is shown as the database spells it for want of a translation."""
    known = language.texts(tag).under(group)
    spelt = [word.replace(" ", "_").replace("-", "_") for word in WORDS[group]]
    assert [word for word in spelt if word not in known] == []


def test_a_change_of_unit_leads_to_its_note() -> None:
    """The form of notes is filled with what was found, its start in the zone of the series."""
    found = [
        {"unique_id": "a", "name": "unit change", "since": "2026-03-01T02:00:00+00:00"}
        | {"factor": 1 / 1.8, "offset": -32 / 1.8},
        {"unique_id": "b", "name": "level shift", "since": "2026-03-01T00:00:00+00:00"},
        {"unique_id": "c", "name": "unit change", "since": "x", "factor": None, "offset": None},
    ]
    zones = dict.fromkeys("abc", "America/Sao_Paulo")
    assert verdict.conversions({"findings": found}, zones) == {
        "a": {
            "id": "a",
            "kind": "unit_changed",
            "starts_at": "2026-02-28T23:00",
            "factor": "0.5555555556",
            "offset": "-17.77777778",
        }
    }
    assert verdict.conversions({}, zones) == {}


def test_a_brake_on_a_trigger_is_told_whole() -> None:
    """Brake, trigger and series; a series keeps its name, whatever it looks like."""
    t = language.texts("pt-BR")
    told = ledger_page.told(t, "annotation: coverage 80 %: vic/demand_mw")
    assert told == "há uma anotação em vigor: cobertura da faixa de 80 %: vic/demand_mw"
    assert ledger_page.told(t, "cool-down") == "pausa depois do último pedido"
