"""Game days: what is planted, what was named, when, what was retrained, and what it was worth.

``python -m benchmarks.loop`` plays odd seeds (even ones are for tuning) of every kind of change, and
worlds in which nothing happens, by the product's loop and by the schedules that people use instead.
Prints Markdown. Event time: nothing waits.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from benchmarks.loop import worlds
from benchmarks.loop.game import Every, Never, Played, Preset, Strategy, play
from benchmarks.loop.ours import Loop
from benchmarks.loop.players import DAY, Player

from horizonte import policy as policies
from horizonte.monitor.findings import UNNAMED

ROOT = Path(__file__).parents[2]
AFTER = 260  # days of play
QUIET = 5 * 364
HELP = 0.05  # less error, by which a retraining helps
NAMES = ("loop", "noted", "never", "yearly", "preset", "daily")
ALONE = ("loop", "never", "yearly")  # play where nothing happens for years


def game(
    seed: int, kind: str | None, *, days: int, names: tuple[str, ...], made: worlds.Maker
) -> list[dict[str, Any]]:
    """Return one row per strategy for the world of ``seed``."""
    world = made(seed, kind=kind, days=days)
    first = worlds.START + worlds.HISTORY - pd.Timedelta(hours=1)
    rows, errors = [], {}
    for name in names:
        player, began = Player(world), time.perf_counter()
        played = play(player, _strategy(name, first), first=first)
        row = {"seed": seed, "kind": kind or "nothing", "rho": world.rho, "size": world.size}
        rows.append(row | {"strategy": name} | _told(played, world, first))
        rows[-1]["wall"] = time.perf_counter() - began
        errors[name] = _by_day(played)
    helps = _helps(errors, world.at)
    return [row | {"days_to_help": helps} for row in rows]


def _by_day(played: Played) -> pd.Series:
    rows = played.rows()
    return (rows["mean"] - rows["y"]).abs().groupby(rows["cutoff"]).mean()


def _helps(errors: dict[str, pd.Series], at: pd.Timestamp | None) -> int | None:
    """Return the day after the change from which on daily retraining helps for four weeks."""
    if at is None or not {"daily", "never"} <= errors.keys():
        return None
    weeks = pd.DataFrame(errors).rolling(28).mean().shift(-27).dropna()
    better = weeks["daily"] <= (1 - HELP) * weeks["never"]
    days = better[better & (weeks.index >= at)].index
    return int((days[0] - at).days) if len(days) else None


def _strategy(name: str, first: pd.Timestamp) -> Strategy:
    policy = policies.load(ROOT / "params.yaml")
    return {
        "loop": Loop(policy, pinned=first),
        "noted": Loop(policy, pinned=first, noting=True),
        "never": Never(),
        "yearly": Every(364),
        "preset": Preset(),
        "daily": Every(1),
    }[name]


def _told(played: Played, world: worlds.World, first: pd.Timestamp) -> dict[str, Any]:
    rows = played.rows().dropna(subset=["y"])
    at = world.at or first
    foreign = (rows["ds"] >= at) & (
        rows["cutoff"] < (played.noted or rows["cutoff"].max() + AFTER * DAY)
    )
    unit = world.size if world.kind == "unit change" else 1.0
    error = (rows["mean"] - rows["y"]).abs() / np.where(foreign, unit, 1.0)  # in the series' own
    after = [(when, name) for when, name in played.named if when > at and name != UNNAMED]
    right = [when for when, name in after if name == world.kind]
    better = [when for when in played.promoted if when > at]
    return {
        "before": error[rows["ds"] < at].mean(),
        "after": error[rows["cutoff"] >= at].mean(),
        "named": after[0][1] if after else None,
        "right": bool(right),
        "days_to_name": (right[0] - at).days if right else None,
        "days_to_better": (better[0] - at).days if better else None,
        "alarms": len(played.alarms),
        "false": len([when for when in played.alarms if when <= at])
        if world.at
        else len(played.alarms),
        "asked": len(played.asked),
        "promoted": len(played.promoted),
        "fits": played.fits,
        "seconds": played.seconds,
    }


def report(rows: pd.DataFrame) -> str:
    """Return the tables as Markdown."""
    ours = rows[rows["strategy"] == "loop"]
    planted = ours[ours["kind"] != "nothing"]
    quiet = ours[ours["kind"] == "nothing"]
    parts = []
    if len(planted):
        matrix = pd.crosstab(planted["kind"], planted["named"].fillna("nothing"))
        parts += ["First name given after the change (rows: planted)", matrix.to_markdown()]
        each = planted.groupby("kind").agg(
            games=("seed", "size"),
            right=("right", "mean"),
            days_to_name=("days_to_name", "median"),
            days_to_help=("days_to_help", "median"),
            days_to_better=("days_to_better", "median"),
            retrained=("asked", "mean"),
            promoted=("promoted", "mean"),
        )
        parts += ["By kind", each.round(2).to_markdown()]
    if "never" in set(rows["strategy"]):
        parts += ["Error after the change, as a ratio to never retraining", _ratios(rows)]
    if len(quiet):
        years = QUIET / 364
        by_rho = quiet.groupby("rho")["alarms"].agg(["mean", "size"])
        by_rho["mean"] /= years
        parts += [
            "Alarms per series and year where nothing happens, before brakes",
            by_rho.round(2).to_markdown(),
        ]
    return "\n\n".join(parts)


def _ratios(rows: pd.DataFrame) -> str:
    table = rows.pivot_table(index=["kind", "seed"], columns="strategy", values="after")
    ratios = table.div(table["never"], axis=0).groupby("kind").mean()
    fits = rows.groupby("strategy")["fits"].mean().rename("fits a game")
    return pd.concat([ratios, fits.to_frame().T]).round(3).to_markdown()


def main() -> None:
    """Play, keep the rows, print the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--games", type=int, default=5, help="per kind")
    asked.add_argument("--quiet", type=int, default=5, help="worlds in which nothing happens")
    asked.add_argument("--tune", action="store_true", help="even seeds instead of odd ones")
    asked.add_argument("--with", dest="names", nargs="*", default=list(NAMES), choices=NAMES)
    asked.add_argument("--kinds", nargs="*", default=list(worlds.PLANTS))
    asked.add_argument("--on", choices=("made", "sample"), default="made", help="whose series")
    asked.add_argument("--out", type=Path, help="keep the rows as JSON")
    given = asked.parse_args()
    seeds = [2 * i + (0 if given.tune else 1) for i in range(max(given.games, given.quiet))]
    names, made = tuple(given.names), worlds.make if given.on == "made" else worlds.sample
    jobs = [(s, k, AFTER, names) for k in given.kinds for s in seeds[: given.games]]
    alone = tuple(n for n in names if n in ALONE)
    jobs += [(s, None, QUIET, alone) for s in seeds[: given.quiet]]
    work = (joblib.delayed(game)(s, k, days=d, names=n, made=made) for s, k, d, n in jobs)
    rows = pd.DataFrame([r for part in joblib.Parallel(n_jobs=2)(work) for r in part])
    if given.out:
        given.out.write_text(json.dumps(rows.to_dict("records"), default=str, indent=1))
    print(report(rows))


if __name__ == "__main__":
    main()
