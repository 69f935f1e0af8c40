"""The shape of a day that forecasts lately missed, read from forecasts that would have been issued."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.series import window

from horizonte.errors import ModelFault
from horizonte.model import replays
from horizonte.model.families import family
from horizonte.model.protocol import Fitted
from horizonte.prepare.windows import Reals

DAY, HORIZON = 24, 48
FITTED, MOVED = DAY * 300, DAY * 310  # hours until the fit, and until the day is another
META = pd.DataFrame({"unique_id": ["a"], "zone": ["UTC"], "holidays": [None]})


@pytest.fixture(scope="module")
def series() -> Reals:
    """A day of two peaks, four hours later from MOVED on, with noise that persists."""
    hours = np.arange(DAY * 340)
    hour = np.where(hours < MOVED, hours, hours - 4) % DAY
    shape = 20 * np.exp(-(((hour - 8) / 2.5) ** 2)) + 30 * np.exp(-(((hour - 19) / 3) ** 2))
    noise = np.random.default_rng(5).normal(0, 1, hours.size)
    for t in range(1, hours.size):
        noise[t] += 0.9 * noise[t - 1]
    return np.asarray(100 + shape + noise)


@pytest.mark.parametrize(("freq", "count"), [("PT1H", 24), ("PT10M", 24), ("PT8H", 3)])
def test_replays_end_before_the_cutoff(freq: str, count: int) -> None:
    """Seven forecasts of a day each, in the middle of slots that are evenly spread, none past the cutoff."""
    one = window(np.zeros(8000), 8000, back=8000, freq=freq)
    cells, each = replays.replayed(one), one.steps("P1D") // count
    target = cells.cutoff + cells.lead
    assert len(cells) == 7 * count
    assert target[-1] == one.length - 1 - each // 2
    assert (np.diff(target) == each).all()
    assert len(set(cells.cutoff)) == 7


def test_a_grid_of_days_has_no_shape() -> None:
    """Nothing is replayed of a series with one row a day."""
    assert len(replays.replayed(window(np.zeros(400), 400, freq="P1D"))) == 0


def test_a_history_of_days_replays_what_it_can() -> None:
    """Forecasts that had seen less than a week say nothing, and later ones are read."""
    one = window(np.ones(DAY * 9), DAY * 9)
    cells = replays.replayed(one)
    errors = replays.missed(one, cells, np.zeros(len(cells)))
    assert np.isnan(errors[0, : 6 * DAY]).all()
    np.testing.assert_array_equal(errors[0, 6 * DAY :], 1.0)
    assert replays.learn(one, errors) == replays.NOTHING


@pytest.mark.parametrize("back", [1, 5, DAY + 1, 8 * DAY + 3, 20 * DAY])
def test_a_short_history_is_answered_alone_as_among_longer_ones(back: int, series: Reals) -> None:
    """However short, the answer has the same bits in a panel of 250 rows, most of them longer."""
    fitted = family("linear").fit(window(series, FITTED, back=FITTED), meta=META, seed=0)
    alone = window(series, FITTED, back=back)
    whole = window(series, FITTED)
    many = replace(
        whole,
        unique_id=np.repeat(whole.unique_id, 250),
        cutoff=np.repeat(whole.cutoff, 250),
        y=np.repeat(whole.y, 250, axis=0),
    )
    many.y[120, :-back] = np.nan
    np.testing.assert_array_equal(fitted.predict(alone)[0], fitted.predict(many)[120])
    assert np.isfinite(fitted.predict(replace(alone, horizon=1))).all()


def _error(fitted: Fitted, y: Reals) -> float:
    """Return the error of forecasts from day 7 to day 20 after the day moved."""
    ends = range(MOVED + 7 * DAY, MOVED + 20 * DAY, DAY)
    return float(
        np.mean([np.abs(fitted.predict(window(y, e))[0] - y[e : e + HORIZON]).mean() for e in ends])
    )


@pytest.fixture(scope="module")
def fits(series: Reals, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fitted, Fitted]:
    """Lines as saved, and the same from a folder that was saved before lines followed."""
    folder = tmp_path_factory.mktemp("linear")
    family("linear").fit(window(series, FITTED, back=FITTED), meta=META, seed=0).save(folder)
    fitted = family("linear").load(folder)
    card = json.loads((folder / "linear.json").read_text())
    del card["arrays"]
    (folder / "linear.json").write_text(json.dumps(card))
    (folder / "follow.npy").unlink()
    return fitted, family("linear").load(folder)


def test_lines_follow_a_day_that_has_moved(series: Reals, fits: tuple[Fitted, Fitted]) -> None:
    """From a week after, they err less than three quarters of what the same lines do that follow nothing."""
    follows, before = (_error(each, series) for each in fits)
    assert follows < 0.75 * before


def test_a_day_as_ever_is_left_alone(series: Reals, fits: tuple[Fitted, Fitted]) -> None:
    """Before the day moves, following costs less than 2 % of the error."""
    calm = series[: MOVED - HORIZON]
    ends = range(DAY * 200, len(calm) - HORIZON, 31)
    came = np.stack([calm[e : e + HORIZON] for e in ends])
    said = [np.stack([each.predict(window(calm, e))[0] for e in ends]) for each in fits]
    follows, before = (np.abs(answers - came).mean() for answers in said)
    assert follows < 1.02 * before


def test_what_has_passed_is_not_followed(series: Reals, fits: tuple[Fitted, Fitted]) -> None:
    """Nine days after some wild hours, whose week of replays is bent, following adds less than a quarter."""
    ends = range(DAY * 303, DAY * 308, 7)

    def error(fitted: Fitted, end: int) -> float:
        wild = series.copy()
        wild[end - 9 * DAY - 8 : end - 9 * DAY] += 100 * series.std()
        said = fitted.predict(window(wild, end))[0]
        return float(np.abs(said - series[end : end + HORIZON]).mean())

    follows, before = (np.mean([error(each, end) for end in ends]) for each in fits)
    assert follows < 1.25 * before


def test_a_lost_array_is_named(series: Reals, tmp_path: Path) -> None:
    """A folder that has lost what its lines follow is damaged, not one from before."""
    family("linear").fit(window(series, FITTED, back=FITTED), meta=META, seed=0).save(tmp_path)
    (tmp_path / "follow.npy").unlink()
    with pytest.raises(ModelFault, match="fetch the model folder again"):
        family("linear").load(tmp_path)
