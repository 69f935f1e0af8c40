"""The product's own loop as a strategy: its monitor, its decision, its pin and its gate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
from benchmarks.loop.game import WEEK, Moment
from benchmarks.loop.players import DAY
from benchmarks.loop.worlds import UNIQUE_ID

from horizonte.contracts import BACKTEST
from horizonte.ingest.notes import OPEN
from horizonte.loop import weigh
from horizonte.loop.gather import Rows, Standing
from horizonte.model import metrics
from horizonte.model.forecaster import Forecaster
from horizonte.monitor import decision, weeks
from horizonte.monitor.courses import learnable
from horizonte.monitor.evidence import Evidence, Named
from horizonte.monitor.findings import NAMES, UNIT, UNNAMED
from horizonte.monitor.triggers import AGE, ANOTHER
from horizonte.policy import Policy
from horizonte.prepare.comparable import misread
from horizonte.retrain import told
from horizonte.retrain.daily import CHALLENGER, CHAMPION, NAIVE
from horizonte.retrain.gate import judge
from horizonte.retrain.recalibrate import LEAST, SPAN


def _card(pin: pd.Timestamp, since: pd.Timestamp | None) -> dict[str, Any]:
    changed = {} if since is None else {UNIQUE_ID: since.isoformat()}
    return {"params": {"snapshot": {"as_of": pin.isoformat(), "changed": changed}}, "scores": {}}


def _new(fired: set[str], before: frozenset[str]) -> set[str]:
    """Return what has begun; a change that gets or loses its name is the one that was."""
    new, names = fired - before, {*NAMES, UNNAMED}
    return new - names if UNNAMED in fired | before and before & names else new


@dataclass
class Loop:
    """Monitors weekly, decides by the policy, gates what was trained on a pin."""

    policy: Policy
    pinned: pd.Timestamp
    days: int = WEEK
    promoted: pd.Timestamp | None = None
    before: Evidence | None = None
    retrainings: list[tuple[str, pd.Timestamp, str]] = field(default_factory=list)
    firing: frozenset[str] = frozenset()
    noting: bool = False  # whether a person writes the note that a verdict asked for a week before
    unit: Named | None = None
    card: dict[str, Any] = field(default_factory=dict)
    past: pd.DataFrame = field(default_factory=pd.DataFrame)  # the champion's backtest
    scored: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=weeks.KEY + weeks.VALUES)
    )

    def decide(self, moment: Moment) -> Forecaster:
        """Monitor, decide, and return the model that serves from now on."""
        now, played = moment.now, moment.played
        self.promoted = self.promoted or now - self.days * DAY
        if not self.card:
            self.card = _card(self.pinned, None)
            self.past = moment.player.backtest(self.pinned, None)
        if self.noting and self.unit is not None and moment.player.noted.empty:
            self._take_note(moment, self.unit)
        evidence = self._evidence(moment)
        self.unit = next((f for f in evidence.findings if f.name == UNIT), None)
        decided = decision.decide(evidence, self.policy)
        self._note(evidence, decided, moment)
        if decided.action == "keep":
            return moment.model
        played.asked.append((now, decided.action))
        named = learnable(evidence)
        pin = told.pin(self.policy.gate, now=now, named=named, card=self.card)
        since = told.told(named, self.card, until=pin).get(UNIQUE_ID)
        challenger = self._challenger(moment, decided.action, pin, since=since)
        won = challenger is not None and self._gate(moment, pin, challenger)
        self.retrainings.append((decided.action, now, "promoted" if won else "refused"))
        if challenger is None or not won:
            return moment.model
        self.pinned, self.promoted, self.before = pin, now, None
        if decided.action == "retrain":
            self.card = _card(pin, since)
            self.past = moment.player.backtest(pin, since)
        played.promoted.append(now)
        return challenger

    def _challenger(
        self, moment: Moment, action: str, pin: pd.Timestamp, *, since: pd.Timestamp | None
    ) -> Forecaster | None:
        player, model = moment.player, moment.model
        if pin < self.pinned:
            return None
        if action == "retrain":
            return player.train(pin, changed=since)
        days = pd.date_range(max(self.pinned, pin - SPAN), pin - 2 * DAY, freq="D")
        if len(days) < LEAST:
            return None
        return replace(model, calibration=player.recalibrate(model, player.say(model, days)))

    def _take_note(self, moment: Moment, unit: Named) -> None:
        moment.played.noted = moment.now
        stretch = {"starts_at": pd.Timestamp(unit.since), "ends_at": OPEN}
        converts = {"kind": "unit_changed", "factor": unit.factor, "offset": unit.offset}
        moment.player.note(stretch | converts | {"available_at": moment.now})

    def _gate(self, moment: Moment, pin: pd.Timestamp, challenger: Forecaster) -> bool:
        player, now = moment.player, moment.now
        days = pd.date_range(pin, now - 2 * DAY, freq="D")
        old, new = player.say(moment.model, days), player.say(challenger, days)
        parts = ((CHAMPION, old), (CHALLENGER, new), (NAIVE, old.assign(mean=old["naive"])))
        rows = pd.concat([p.assign(model=who) for who, p in parts], ignore_index=True)
        rows = rows[~misread(rows, player.noted, series=player.world.series)].copy()
        rows["day"] = (rows["cutoff"] - pin) // DAY
        known = player.history[player.history["ds"] <= pin]
        scale = metrics.scale(known.tail(24 * 28), freq_="PT1H")
        if scale["mae"].isna().all():
            return False
        gate = self.policy.gate.model_copy(update={"days": (now - pin) // DAY})
        return judge(rows[[*BACKTEST.columns, "day"]], scale=scale, policy=gate).passed

    def _evidence(self, moment: Moment) -> Evidence:
        standing, rows = self._read(moment)
        seen = weigh.weigh(standing, rows, before=self.past, policy=self.policy)
        parts = [p for p in (self.scored, seen.scores) if len(p)]
        self.scored = pd.concat(parts, ignore_index=True) if parts else self.scored
        statuses = weigh.statuses(seen.pairs)
        asked = decision.asked(self.before, self.policy) if self.before else {}
        moment.played.named += [(moment.now, found.name) for found in seen.found]
        courses = self.before.courses if self.before else ()
        return weigh.evidence(standing, rows, seen, statuses=statuses, asked=asked, courses=courses)

    def _note(self, evidence: Evidence, decided: decision.Decision, moment: Moment) -> None:
        # a champion's age is due by policy, and another course follows from a name
        said = {t for t in decided.triggers if not t.startswith((AGE, ANOTHER))}
        fired = said | {f.name for f in evidence.findings}
        if _new(fired, self.firing):
            moment.played.alarms.append(moment.now)
        self.firing, self.before = frozenset(fired), evidence

    def _read(self, moment: Moment) -> tuple[Standing, Rows]:
        player, now = moment.player, moment.now
        values = player.prepared[player.prepared["ds"] < now]
        said = moment.played.rows()
        if not player.noted.empty:
            said = player.beside(said[~misread(said, player.noted, series=player.world.series)])
        mature = said[(said["ds"] < now) & said["y"].notna()]
        version = str(said["model_version"].iloc[-1])
        standing = Standing(
            promotion=SimpleNamespace(sha256=version),  # type: ignore[arg-type]
            card=self.card | {"data_as_of": self.pinned.isoformat()},
            series=player.world.series,
            targets=(UNIQUE_ID,),
            now={UNIQUE_ID: now},
            serving_days=(now - (self.promoted or now)) / DAY,
            retrainings=tuple((a, (now - at) / DAY, how) for a, at, how in self.retrainings),
            before=None,
            looked=None,
        )
        starts = {UNIQUE_ID: weeks.start(now - self.policy.monitor.window)}
        first = mature.groupby("model_version")["cutoff"].min()
        cutoffs = {(UNIQUE_ID, str(v)): at for v, at in first.items()}
        own = mature[mature["model_version"] == version]
        scored = self.scored.drop_duplicates(weeks.KEY, keep="last")
        late = mature[mature["ds"] >= starts[UNIQUE_ID]]
        return standing, Rows(values, player.noted, late, own, starts, scored, cutoffs)
