"""How much is taken on at once: what is beyond it is told at once when to come back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from starlette.types import Scope

from horizonte.serve import problems
from horizonte.serve.problems import Problem

FORECASTS = 64  # four threads answer them, and the others wait their turn
WRITES = 16  # a transaction each
HELD_BYTES = 64 << 20  # of bodies, whole or on their way
LONGEST_WAIT = 60
_NEWEST = 0.1  # weight of the newest answer in the mean


class Lane:
    """At most ``most`` requests of one kind at once."""

    def __init__(self, most: int) -> None:
        """Begin empty."""
        self.most, self.inside, self.seconds = most, 0, 0.0

    def wait(self) -> int:
        """Return the seconds that a request was inside of late: by then there is room again."""
        return min(max(math.ceil(self.seconds), 1), LONGEST_WAIT)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold one place, and learn how long it was held."""
        self.inside += 1
        began = perf_counter()
        try:
            yield
        finally:
            self.inside -= 1
            self.seconds += _NEWEST * (perf_counter() - began - self.seconds)


class Load:
    """What one process has in hand: a lane for forecasts, one for all writes, and their bodies."""

    def __init__(self) -> None:
        """Begin with nothing in hand."""
        self.forecasts, self.writes = Lane(FORECASTS), Lane(WRITES)
        self.held = 0

    def lane(self, scope: Scope) -> Lane:
        """Return where a request with a body belongs."""
        return self.forecasts if scope["path"] == "/forecast" else self.writes

    def too_much(self, lane: Lane) -> Problem | None:
        """Return the refusal of one more request, or None while there is room."""
        if lane.inside < lane.most and self.held <= HELD_BYTES:
            return None
        return problems.of("overloaded", retry_after=lane.wait())
