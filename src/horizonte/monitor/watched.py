"""All that is watched of one series, learnt from its past; then looked at day by day."""

from __future__ import annotations

from dataclasses import dataclass, replace

from horizonte.monitor import calm, naming, profile, tracks
from horizonte.monitor.calm import Calm
from horizonte.monitor.days import Days
from horizonte.monitor.findings import UNNAMED, Found
from horizonte.monitor.profile import Evidence, Profile
from horizonte.monitor.tracks import Track

SHARES = {
    "level": 0.4,
    "noise": 0.2,
    "gain": 0.1,  # of series with many cells a day, and of those with few:
    "calm": 0.1,
    "profile": 0.1,
    "missing": 0.05,
    "stuck": 0.05,
    "errors": 0.1,
}  # of the false alarms that are allowed


CLEAR = 3.0  # log-likelihood by which one name must lead to be told at once
PATIENCE, SLOWLY = 2, 10  # days to wait, and one more for so many that a change has lasted


@dataclass(frozen=True)
class Watched:
    """The tracks of a series and what its profile may do, with what is usual of each.

    What is usual is learnt from the same days for a whole week (``tracks.reference``), and no
    number of a day looks at a later one: ``until`` is what was watched on an earlier day of it.
    """

    days: Days
    profile: Profile
    level: Track
    logs: bool
    gain: Track | None
    noise: Track | None
    calm: Calm | None  # of a noise by day
    moves: tuple[Evidence, ...]
    rate: float

    def until(self, rows: int) -> Watched:
        """Return what is watched after the first ``rows`` days."""
        gain, noise = (t and t.until(rows) for t in (self.gain, self.noise))
        usual, level = self.profile.until(rows), self.level.until(rows)
        days, hush = self.days.until(rows), self.calm and self.calm.until(rows)
        return replace(
            self, days=days, profile=usual, level=level, gain=gain, noise=noise, calm=hush
        )

    def told(self, *, unit: str) -> Found | None:
        """Return the change that stands out after the last day, by name.

        Where two names explain it nearly alike, it is told without one until it has stood out for
        some days: what follows tells them apart.
        """
        named = naming.name(self.seen(), unit=unit)
        if named is None:
            return None
        if named.margin >= CLEAR or self._stood(named.found):
            return named.found
        return replace(named.found, name=UNNAMED, size=None)

    def _stood(self, found: Found) -> bool:
        """Return whether something stood out before, the longer before the longer ``found`` lasts."""
        begun = (self.days.instant(len(self.days)) - found.since) // self.days.row
        before = len(self.days) - PATIENCE - min(begun // SLOWLY, PATIENCE)
        return before > self.level.end and naming.loud(self.until(before).seen())

    def seen(self) -> naming.Seen:
        """Return what stands out after the last day."""
        watched = [t for t in (self.level, self.gain, self.noise) if t is not None]
        raised = {t.name: t.alarm(self.rate * SHARES[t.name]) for t in watched}
        if self.calm is not None:
            hush = self.calm.alarm(self.rate * SHARES["calm"])
            raised["noise"] = raised["noise"] or hush
        found = {name: alarm for name, alarm in raised.items() if alarm is not None}
        moved = profile.moved(self.moves, len(self.days))
        parts = (self.days, self.profile, self.level, self.logs, self.gain, self.noise)
        return naming.Seen(*parts, moved, found)


def watch(days: Days, *, rate: float) -> Watched | None:
    """Return what is watched of ``days``, at ``rate`` false alarms a year; None where nothing can be."""
    usual = profile.profile(days)
    level, logs = tracks.level(days, usual)
    if level is None:
        return None
    gain, noise = tracks.gain(days), tracks.noise(days, usual, level)
    hush = None
    if noise is not None and days.cells < tracks.MANY:
        hush = calm.calm(noise, tracks.unfitted(level, days.learnt))
    share = rate * SHARES["profile"]
    moves = profile.moves(usual, cells=days.cells, end=level.end, rate=share)
    return Watched(days, usual, level, logs, gain, noise, hush, moves, rate)
