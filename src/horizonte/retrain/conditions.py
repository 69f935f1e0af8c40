"""What speaks against a challenger, each as one sentence."""

from __future__ import annotations

import math

from horizonte.policy import Gate
from horizonte.retrain.daily import CHALLENGER, NAIVE, Days, differences, saved, share
from horizonte.retrain.paired import Paired, paired
from horizonte.retrain.ruling import Series, mean, percent

LEVELS = (80, 90)
LEAST = 7  # days, whatever the policy
USUAL = 28  # days for which the band of coverages is stated
ROUNDING = 1e-6  # of a series' scale: less is no error


def least(policy: Gate) -> int:
    """Return how many days a series, and the whole, must have: half of what the policy asks."""
    return max(LEAST, policy.days // 2)


def too_little(test: Paired, table: tuple[Series, ...], policy: Gate) -> list[str]:
    """Say what is missing of the gain: its least size, its certainty, or that bad days eat it up."""
    said = []
    whole = mean(table, "gain")
    if whole is not None and whole < 0:
        said.append(f"over all days it loses {percent(-whole)} more than the champion")
    if not test.mean >= policy.gain:
        said.append(
            f"the gain of {percent(test.mean)} is less than the least, {percent(policy.gain)}"
        )
    if not test.low > 0:
        said.append(
            f"the gain is not certain: {percent(test.low)} to {percent(test.high)} "
            f"over {test.days} days (p = {test.p:.3f}, level {policy.alpha:g})"
        )
    return said


def worse_than_naive(found: Days, policy: Gate) -> list[str]:
    """Say where it is worse than the naive: on average, or on one series beyond doubt.

    There both the usual day and all days must say so: few storms can be worth many calm days.
    """
    kept = saved(found.losses, "mase", old=NAIVE, new=CHALLENGER)
    said = []
    if (whole := float(kept.mean())) < 0:
        said.append(f"worse than the best seasonal naive by {percent(-whole)} on average")
    by_day = differences(found.losses, "mase", old=NAIVE, new=CHALLENGER)
    errs = found.losses["mase", CHALLENGER].groupby("unique_id").mean()
    for name, own in by_day.items():
        known = own.dropna()
        if known.size >= least(policy):
            test = paired(known, alpha=policy.alpha / by_day.shape[1])
            whole = float(kept[str(name)])  # NaN where the naive erred nowhere
            if test.high < 0 and (whole < 0 or (math.isnan(whole) and errs[str(name)] > ROUNDING)):
                said.append(_worse(str(name), share(test.mean), whole))
    return said


def _worse(name: str, usual: float, whole: float) -> str:
    said = f"{name} is worse than its best seasonal naive"
    if math.isnan(whole):
        return f"{said}, which erred nowhere"
    return f"{said} by {percent(-usual)} on a usual day, by {percent(-whole)} over all"


def off(table: tuple[Series, ...], policy: Gate) -> list[str]:
    """Refuse coverage out of its band and further off than the champion's: the mean, or a series much."""
    said = []
    band = _band(max((one.days for one in table), default=USUAL), policy)
    for level in LEVELS:
        wanted, name = level / 100, f"coverage_{level}"
        found, before = mean(table, name), mean(table, f"champion_{name}")
        if found is None or before is None or abs(found - wanted) > max(band, abs(before - wanted)):
            said.append(
                f"the {level} % interval holds {percent(found)} of what came, "
                f"more than {100 * band:.3g} points off"
            )
        for one in table:
            ours, theirs = (getattr(one, n) for n in (name, f"champion_{name}"))
            further = abs(ours - wanted) - abs(theirs - wanted)
            if min(abs(ours - wanted), further) > _band(one.days, policy):
                said.append(
                    f"{one.unique_id}: the {level} % interval holds {percent(ours)} of what came, "
                    f"the champion's {percent(theirs)}"
                )
    return said


def _band(days: int, policy: Gate) -> float:
    """Return how far a coverage may be from its level: of fewer days it strays further by chance."""
    return policy.coverage * math.sqrt(max(1.0, USUAL / days))
