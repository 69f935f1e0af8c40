"""What is usual of one daily number: how long it remembers, seen through noise."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from horizonte.monitor import shapes, usual

DAYS, LATER, LENGTH = 600, 500, 64


def weather(seed: int, memory: float, *, noise: float = 0.5) -> np.ndarray:
    """Days of deviation 1 that remember, beneath ``noise`` that does not."""
    rng = np.random.default_rng(seed)
    new = rng.normal(size=DAYS + LATER + 400) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], new)[400:] + noise * rng.normal(size=DAYS + LATER)


def test_what_persists_beneath_noise_does_not_stand_out() -> None:
    """Learnt from 20 series, months of the same weather score in their later days as white noise does."""
    powers = []
    for seed in range(20):
        y, x = weather(seed, 0.95), np.ones((DAYS + LATER, 1))
        found = usual.fit(y[:DAYS], x[:DAYS])
        assert found is not None
        form = shapes.shape(shapes.STEP, LENGTH, found.poly)
        fresh = found.innovations(y, x)[DAYS:]
        z = np.lib.stride_tricks.sliding_window_view(fresh, LENGTH) @ form / np.linalg.norm(form)
        powers.append((z**2).mean())
    assert np.sqrt(np.mean(powers)) < 1.3


def test_without_noise_the_last_day_says_it_all() -> None:
    """Of weather alone the memory is its one coefficient: no echo is put in that is not there."""
    found = usual.fit(weather(3, 0.8, noise=0.0)[:DAYS], np.ones((DAYS, 1)))
    assert found is not None
    assert len(found.poly) == 2
    assert abs(found.poly[1] + 0.8) < 0.08


def test_days_without_neighbours_say_nothing() -> None:
    """Where only every other day is known nothing is usual, and nothing fails."""
    y = weather(1, 0.5)
    y[::2] = np.nan
    assert usual.fit(y, np.ones((len(y), 1))) is None
