"""The decision: a table of cases, and what holds for every evidence whatsoever."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horizonte import policy as policies
from horizonte.monitor import brakes, triggers
from horizonte.monitor.courses import remembered
from horizonte.monitor.decision import Decision, asked, decide
from horizonte.monitor.evidence import (
    Asked,
    Drift,
    Evidence,
    Named,
    Retraining,
    Target,
    Told,
)
from horizonte.monitor.levels import Estimate, Window

POLICY = policies.load(Path(__file__).parents[3] / "params.yaml")
HALF = POLICY.brakes.hysteresis / 2


def sure(value: float, reach: float = 0.01) -> Estimate:
    return Estimate(value, value - reach, value + reach)


def window(skill: float = 0.6, c80: float = 0.8, c90: float = 0.9, reach: float = 0.01) -> Window:
    return Window(2000, 28, sure(skill, reach), sure(c80, reach), sure(c90, reach))


GOOD = Target("a", window(), window(), 0.6, "weeks", ("t",))
CALM = Evidence("m", "2026-03-02T00:00:00+00:00", 60.0, 90.0, (GOOD,), told={})


def with_target(**facts: object) -> Evidence:
    return replace(CALM, targets=(replace(GOOD, **facts),))  # type: ignore[arg-type]


BAD = with_target(window=window(0.9), half=window(0.9))
SLIGHT = with_target(window=window(0.6 * 1.11), half=window(0.6 * 1.11))
NARROW = with_target(window=window(c80=0.6), half=window(c80=0.6))
DRIFTED = replace(CALM, drifts=(Drift("a", "residual", ("drift", "drift", "no drift")),))
ONCE = replace(CALM, drifts=(Drift("a", "residual", ("drift", "no drift", "drift")),))
STUCK = (Named("a", "stuck sensor", "2026-03-01T00:00:00+00:00"),)
REFUSED = (Retraining("retrain", 20.0, "refused"),)
LATELY = {"skill decay: a": Asked(1.0, "2026-01-20T00:00:00+00:00", "2026-02-20T00:00:00+00:00")}
STRONGLY = {"skill decay: a": Asked(4.9, "2026-01-01T00:00:00+00:00", "2026-02-10T00:00:00+00:00")}
SINCE = "2026-02-09T00:00:00+00:00"
COURSE = (Named("a", "phase shift", SINCE),)
LONG = (Named("a", "phase shift", "2026-01-09T00:00:00+00:00"),)
LAST_WEEK = (Retraining("retrain", 7.0, "refused"),)
_WHEN = "2026-02-23T00:00:00+00:00"
AGO = {
    "another course: a": Asked(1.0, _WHEN, _WHEN),
    "skill decay: b": Asked(4.9, _WHEN, _WHEN),
}
DECAYED = replace(GOOD, unique_id="b", window=window(0.9), half=window(0.9), reads=())
OTHER = replace(CALM, targets=(GOOD, DECAYED), courses=COURSE)
LEARN = ("retrain", ("briefly learnt: a",), ())


@pytest.mark.parametrize(
    ("evidence", "action", "fired", "held"),
    [
        (CALM, "keep", (), ()),
        (BAD, "retrain", ("skill decay: a",), ()),
        (with_target(half=window(0.9)), "retrain", ("skill decay: a",), ()),  # lately
        (with_target(window=window(0.9, reach=0.4)), "keep", (), ()),  # may be chance
        (  # a shift that was named is the second witness
            replace(
                with_target(window=window(0.9, reach=0.4)),
                findings=(Named("a", "slow decay", "2026-02-01T00:00:00+00:00"),),
            ),
            "retrain",
            ("skill decay: a",),
            (),
        ),
        (  # and is not enough for a loss that may well be chance
            replace(
                with_target(half=Window(200, 14, Estimate(0.7, 0.4, 1.0, 0.59))),
                findings=(Named("a", "slow decay", "2026-02-01T00:00:00+00:00"),),
            ),
            "keep",
            (),
            (),
        ),
        (  # but for one that is likely
            replace(
                with_target(half=Window(200, 14, Estimate(0.7, 0.4, 1.0, 0.61))),
                findings=(Named("a", "slow decay", "2026-02-01T00:00:00+00:00"),),
            ),
            "retrain",
            ("skill decay: a",),
            (),
        ),
        (
            replace(BAD, findings=(Named("a", "trend break", "2026-02-10T00:00:00+00:00"),)),
            "keep",
            ("skill decay: a",),
            ("too recent: skill decay: a",),
        ),
        (with_target(window=window(0.65)), "keep", (), ()),  # sure, but little
        (with_target(half=Window(200, 6, sure(0.9))), "keep", (), ()),  # too few days
        (with_target(half=window(c80=0.6)), "keep", (), ()),  # half a window is too short for it
        (NARROW, "recalibrate", ("coverage 80 %: a",), ()),
        (with_target(window=window(c90=0.75)), "recalibrate", ("coverage 90 %: a",), ()),
        (with_target(window=window(c80=0.95)), "recalibrate", ("coverage 80 %: a",), ()),
        (with_target(window=window(c80=0.6, reach=0.3)), "keep", (), ()),
        (
            with_target(window=window(0.9, c80=0.6)),
            "retrain",
            ("skill decay: a", "coverage 80 %: a"),
            (),
        ),
        (DRIFTED, "retrain", ("residual drift: a",), ()),
        (ONCE, "keep", (), ()),
        (
            replace(ONCE, findings=(Named("a", "slow decay", "2026-02-01T00:00:00+00:00"),)),
            "retrain",
            ("residual drift: a",),
            (),
        ),
        (replace(CALM, drifts=(Drift("a", "input", ("drift",) * 3),)), "keep", (), ()),
        (replace(CALM, known_days=366.0), "retrain", ("champion age",), ()),
        # brakes
        (replace(BAD, serving_days=13.9), "keep", ("skill decay: a",), ("champion too young",)),
        (
            replace(BAD, retrainings=(Retraining("retrain", 13.9, "refused"),)),
            "keep",
            ("skill decay: a",),
            ("cool-down",),
        ),
        (
            replace(BAD, retrainings=(Retraining("recalibrate", 3.0, "promoted"),)),
            "retrain",
            ("skill decay: a",),
            (),
        ),
        (
            replace(NARROW, retrainings=(Retraining("retrain", 3.0, "promoted"),)),
            "keep",
            ("coverage 80 %: a",),
            ("cool-down",),
        ),
        (
            replace(BAD, retrainings=(Retraining("retrain", 40.0, "waiting"),)),
            "keep",
            ("skill decay: a",),
            ("retraining waits",),
        ),
        (
            replace(BAD, annotated=("a",)),
            "keep",
            ("skill decay: a",),
            ("annotation: skill decay: a",),
        ),
        (
            replace(BAD, annotated=("t",)),
            "keep",
            ("skill decay: a",),
            ("annotation: skill decay: a",),
        ),
        (replace(BAD, annotated=("other",)), "retrain", ("skill decay: a",), ()),
        (
            replace(BAD, findings=STUCK),
            "keep",
            ("skill decay: a",),
            ("to be mended: skill decay: a",),
        ),
        (
            replace(BAD, findings=(Named("t", "stuck sensor", "2025-11-01T00:00:00+00:00"),)),
            "retrain",  # it was stuck already when the champion was trained
            ("skill decay: a",),
            (),
        ),
        (
            with_target(window=Window(100, 28, sure(0.9))),
            "keep",
            ("skill decay: a",),
            ("too few rows: skill decay: a",),
        ),
        # another course, which fits are told of
        (replace(CALM, courses=COURSE), "retrain", ("another course: a",), ()),
        (
            replace(CALM, courses=(Named("a", "level shift", SINCE),)),
            "retrain",
            ("another course: a",),
            (),
        ),
        (replace(CALM, findings=COURSE), "keep", (), ()),  # a row of old
        (
            replace(CALM, courses=(Named("a", "phase shift", "2026-02-20T00:00:00+00:00"),)),
            "keep",
            ("another course: a",),
            ("too recent: another course: a",),
        ),
        (replace(CALM, courses=(Named("t", "phase shift", SINCE),)), "keep", (), ()),  # an input
        (replace(CALM, courses=COURSE, told={"a": Told(SINCE, 40.0)}), "keep", (), ()),
        (  # what lasts is seen to begin later, and is the same
            replace(CALM, courses=COURSE, told={"a": Told("2026-01-25T00:00:00+00:00", 40.0)}),
            "keep",
            (),
            (),
        ),
        (
            replace(CALM, courses=COURSE, told={"a": Told("2025-01-25T00:00:00+00:00", 40.0)}),
            "retrain",
            ("another course: a",),
            (),
        ),
        (
            replace(CALM, courses=COURSE, retrainings=LAST_WEEK, asked=AGO),
            "retrain",  # a week more judges
            ("another course: a",),
            (),
        ),
        (
            replace(OTHER, retrainings=LAST_WEEK, asked=AGO),
            "retrain",  # but another series waits
            ("skill decay: b", "another course: a"),
            ("asked before: skill decay: b",),
        ),
        (
            replace(CALM, courses=LONG, retrainings=LAST_WEEK, asked=AGO),
            "keep",
            ("another course: a",),
            ("asked before: another course: a",),
        ),
        (
            replace(CALM, courses=COURSE, retrainings=(Retraining("retrain", 7.0, "promoted"),)),
            "keep",
            ("another course: a",),
            ("cool-down",),
        ),
        (replace(CALM, told={"a": Told("2025-11-25T00:00:00+00:00", 7.0)}), *LEARN),
        (replace(CALM, told={"a": Told("2026-02-20T00:00:00+00:00", 7.0)}), "keep", (), ()),
        (replace(CALM, told={"a": Told("2025-11-01T00:00:00+00:00", 30.0)}), "keep", (), ()),
        # hysteresis
        (
            replace(SLIGHT, asked=LATELY, retrainings=REFUSED),
            "keep",
            ("skill decay: a",),
            ("asked before: skill decay: a",),
        ),
        (
            replace(BAD, asked=STRONGLY, retrainings=REFUSED),
            "keep",  # as strong as when it was refused
            ("skill decay: a",),
            ("asked before: skill decay: a",),
        ),
        (
            replace(BAD, asked=LATELY, retrainings=REFUSED),
            "retrain",
            ("skill decay: a",),
            (),
        ),
        (
            replace(
                SLIGHT,
                asked=LATELY,
                retrainings=(Retraining("retrain", 20, "failed"),),
            ),
            "retrain",
            ("skill decay: a",),
            (),
        ),
    ],
)
def test_the_table(
    evidence: Evidence, action: str, fired: tuple[str, ...], held: tuple[str, ...]
) -> None:
    """Each evidence leads to its action, by these triggers, held by these brakes."""
    found = decide(evidence, POLICY)
    assert (found.action, found.triggers, found.brakes) == (action, fired, held)


def test_one_held_trigger_does_not_hold_another() -> None:
    """A stuck sensor of one target is no reason to leave another one's decay."""
    other = replace(GOOD, unique_id="b", window=window(0.9), half=window(0.9), reads=())
    found = decide(replace(BAD, targets=(*BAD.targets, other), findings=STUCK), POLICY)
    assert (found.action, found.brakes) == ("retrain", ("to be mended: skill decay: a",))
    assert "forecasts of b" in found.sentence_en
    assert "forecasts of a" not in found.sentence_en


def test_what_must_be_mended_is_said() -> None:
    """A stuck sensor is named with its day, in both languages, and nothing is retrained."""
    found = decide(replace(BAD, findings=STUCK), POLICY)
    assert found.sentence_en == (
        "The model stays although the forecasts of a have lost 50 % against the naive forecast: the "
        "readings themselves are at fault. No retraining mends this: a has read the same since 2026-03-01."
    )
    assert "a lê sempre o mesmo desde 2026-03-01" in found.sentence_pt
    assert found.sentence_pt.startswith(
        "O modelo continua, embora algo peça uma mudança (as previsões de a perderam 50 % em relação à "
        "previsão ingênua): o problema está nas próprias leituras."
    )


def test_how_readings_are_converted_is_said() -> None:
    """A change of unit is told with the command that converts it, the same in both languages."""
    turned = Named("a", "unit change", "2026-03-01T05:00:00+00:00", 1000.0, 0.001, 0.0)
    found = decide(replace(CALM, findings=(turned, *STUCK)), POLICY)
    command = "`horizonte annotate a 2026-03-01T05:00Z --kind unit_changed --factor 0.001`."
    assert found.sentence_en.endswith(
        "a reads in another unit since 2026-03-01 (times 1000) and a has read the same since "
        f"2026-03-01. Where that is so, the readings are converted by saying it: {command}"
    )
    assert found.sentence_pt.endswith(f"as leituras são convertidas ao dizê-lo: {command}")
    assert decide(Evidence.from_json(replace(CALM, findings=(turned,)).to_json()), POLICY) == (
        decide(replace(CALM, findings=(turned,)), POLICY)
    )


@pytest.mark.parametrize(
    ("evidence", "english", "portuguese"),
    [
        (DRIFTED, "usual range, for 2 windows in a row.", "habitual, por 2 janelas seguidas."),
        (
            replace(ONCE, findings=LONG),
            "the errors of a have left their usual range, for one window.",
            "os erros de a saíram da faixa habitual, por uma janela.",
        ),
        (
            replace(CALM, told={"a": Told("2026-02-26T00:00:00+00:00", 1.0)}),
            "it was trained on only 1 day of the new course of a.",
            "ele foi treinado com só 1 dia do novo curso de a.",
        ),
    ],
)
def test_one_is_no_plural(evidence: Evidence, english: str, portuguese: str) -> None:
    """A window and a day are told as what they are."""
    found = decide(evidence, POLICY)
    assert english in found.sentence_en
    assert portuguese in found.sentence_pt


def test_what_was_named_is_said() -> None:
    """A shift is told with its day beside what was decided, in both languages."""
    shifted = (Named("a", "phase shift", "2026-02-01T00:00:00+00:00", 3.0),)
    found = decide(replace(BAD, findings=shifted), POLICY)
    assert found.sentence_en.endswith(
        "What was noticed: the course of a has been shifted in time since 2026-02-01."
    )
    assert "o curso de a está deslocado no tempo desde 2026-02-01" in found.sentence_pt


def test_nothing_to_judge_by_is_said() -> None:
    """A champion whose forecasts have not matured stays, and the sentence says how many there are."""
    found = decide(with_target(window=Window(96, 2), half=Window()), POLICY)
    assert "96 of 200 values, from 2 of 7 days" in found.sentence_en


def test_a_trigger_that_asked_counts_anew_once_it_has_fallen_back() -> None:
    """It is remembered while it stays near its threshold, and forgotten below it by hysteresis."""
    (first,) = asked(SLIGHT, POLICY).values()
    assert first == Asked(pytest.approx(1 + HALF), CALM.as_of, CALM.as_of)
    near = with_target(window=window(0.6 * (1 + 0.1 * (1 - HALF))), half=window())
    assert decide(near, POLICY).triggers == ()
    assert asked(replace(near, asked=STRONGLY), POLICY) == STRONGLY
    far = with_target(window=window(0.6 * (1 + 0.1 * (1 - 4 * HALF))), half=window())
    assert asked(replace(far, asked=STRONGLY), POLICY) == {}


def test_an_old_champion_that_no_challenger_beats_is_tried_again_ever_more_rarely() -> None:
    """Weekly verdicts over five years, every challenger refused: the waits double."""
    known: dict[str, Asked] = {}
    start = pd.Timestamp("2020-01-06", tz="UTC")
    days = []
    for day in range(0, 1_820, 7):
        now = replace(
            CALM,
            known_days=float(day),
            asked=known,
            as_of=(start + pd.Timedelta(days=day)).isoformat(),
        )
        if days:
            since = float(day - days[-1])
            now = replace(now, retrainings=(Retraining("retrain", since, "refused"),))
        if decide(now, POLICY).action == "retrain":
            days.append(day)
        known = asked(now, POLICY)
    waits = [b - a for a, b in itertools.pairwise(days)]
    assert days[0] == 371
    assert waits == [14, 14, 28, 56, 112, 224, 448]


def test_what_was_asked_before_strengths_were_noted_can_be_read() -> None:
    """An older row of the ledger names triggers alone; they count as asked long ago."""
    old = replace(BAD, asked={}).to_json() | {"asked": ["skill decay: a"]}
    assert list(Evidence.from_json(old).asked) == ["skill decay: a"]
    assert decide(Evidence.from_json(old), POLICY).action == "retrain"


def test_what_was_held_has_not_asked() -> None:
    """A trigger that a brake held is no request, so it is not held against it later."""
    assert asked(replace(BAD, annotated=("a",)), POLICY) == {}
    assert asked(replace(BAD, serving_days=1.0), POLICY) == {}


def test_a_course_that_is_briefly_learnt_is_said() -> None:
    """The sentence tells how many days of it the champion was trained on, in both languages."""
    found = decide(replace(CALM, told={"a": Told("2025-11-25T00:00:00+00:00", 7.0)}), POLICY)
    assert "trained on only 7 days of the new course of a" in found.sentence_en
    assert "só 7 dias do novo curso de a" in found.sentence_pt


def test_a_course_is_remembered_from_its_first_day() -> None:
    """Seen to begin later or as something else it is the same; after four weeks, or begun anew, not."""
    now = pd.Timestamp(CALM.as_of)

    def phase(days: int, name: str = "phase shift") -> Named:
        return Named("a", name, (now - pd.Timedelta(days=days)).isoformat())

    assert remembered([phase(10)], [], now={"a": now}) == (phase(10),)
    assert remembered([phase(10)], [phase(25)], now={"a": now}) == (phase(25),)
    assert remembered([phase(30)], [phase(50)], now={"a": now}) == (phase(50),)
    assert remembered([phase(20, "variance change")], [phase(20)], now={"a": now}) == (phase(20),)
    assert remembered([], [phase(29)], now={"a": now}) == ()
    assert remembered([phase(5)], [phase(60)], now={"a": now}) == (phase(5),)
    assert remembered([phase(20, "variance change")], [], now={"a": now}) == ()
    assert remembered([], [phase(29)], now={"a": now - pd.Timedelta(days=2)}) == (phase(29),)
    assert remembered([], [phase(20)], now={"b": now}) == ()


def test_ages_are_on_the_clock_of_the_source() -> None:
    """A recording that ends long before the newest one: its course is as old as its own readings say."""
    shifted = replace(CALM, as_of="2028-03-02T00:00:00+00:00", courses=LONG, findings=LONG)
    far = decide(shifted, POLICY)
    assert (far.action, "course for 783 days" in far.sentence_en) == ("retrain", True)
    own = decide(replace(shifted, clocks={"a": "2026-01-17T00:00:00+00:00"}), POLICY)
    assert own.brakes == ("too recent: another course: a",)
    assert "course for 8 days" in own.sentence_en
    brief = replace(shifted, courses=(), findings=(), told={"a": Told(SINCE, 7.0)})
    assert "briefly learnt: a" in decide(brief, POLICY).triggers
    late = replace(brief, clocks={"a": "2026-02-20T00:00:00+00:00"})
    assert decide(late, POLICY).triggers == ()


reals = st.floats(allow_nan=False, allow_infinity=False)
some = st.floats(min_value=0, max_value=2)
estimates = st.none() | st.builds(
    lambda v, r: Estimate(v, v - r, v + r), some, st.floats(min_value=0, max_value=0.3)
)
windows = st.builds(
    Window, st.integers(0, 5000), st.integers(0, 30), estimates, estimates, estimates
)
names = st.sampled_from(["a", "b", "c", ""])
statuses = st.lists(st.sampled_from(["drift", "no drift", "not testable"]), max_size=4).map(tuple)
evidences = st.builds(
    Evidence,
    st.text(max_size=5),
    st.just(CALM.as_of),
    st.floats(min_value=0, max_value=1000),
    st.floats(min_value=0, max_value=1000),
    st.lists(
        st.builds(
            Target,
            names,
            windows,
            windows,
            some,
            st.sampled_from(["weeks", "training", "naive"]),
            st.lists(names, max_size=2).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    st.lists(
        st.builds(Drift, names, st.sampled_from(["input", "target", "residual"]), statuses),
        max_size=4,
    ).map(tuple),
    st.lists(
        st.builds(
            Named,
            names,
            st.sampled_from(["missing feed", "unit change", "level shift", "phase shift", "new"]),
            st.just(CALM.as_of),
            st.none() | reals,
        ),
        max_size=4,
    ).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.lists(
        st.builds(
            Retraining,
            st.sampled_from(["recalibrate", "retrain"]),
            st.floats(min_value=0, max_value=100),
            st.sampled_from(["waiting", "promoted", "refused", "failed"]),
        ),
        max_size=2,
    ).map(tuple),
    st.dictionaries(
        names.map(lambda n: f"skill decay: {n}"),
        st.builds(Asked, some, st.just(CALM.as_of), st.just(CALM.as_of)),
        max_size=2,
    ),
    st.dictionaries(names, st.builds(Told, st.just(CALM.as_of), reals), max_size=2),
    st.lists(st.builds(Named, names, st.just("phase shift"), st.just(SINCE)), max_size=2).map(
        tuple
    ),
    st.dictionaries(names, st.just("2026-02-20T00:00:00+00:00"), max_size=2),
)


@given(evidences)
def test_whatever_the_evidence(evidence: Evidence) -> None:
    """It never fails, acts only for a trigger that nothing holds, and never through a brake."""
    found = decide(evidence, POLICY)
    assert found.sentence_en.endswith(".")
    assert found.sentence_pt.endswith(".")
    if found.action == "keep":
        return
    whole = {brakes.YOUNG, brakes.COOLING, brakes.WAITING} & set(found.brakes)
    assert not whole
    assert evidence.serving_days >= POLICY.brakes.min_age / pd.Timedelta(days=1)
    assert not [r for r in evidence.retrainings if r.outcome == "waiting"]
    held = {b.partition(": ")[2] for b in found.brakes}
    assert set(found.triggers) - held
    fired = triggers.found(evidence, POLICY.triggers)
    free = [t for t in fired if t.strength >= 1 and t.key not in held]
    assert found.action in {t.wants for t in free}
    for trigger in free:
        assert trigger.unique_id not in set(evidence.annotated) | brakes.broken(evidence)


@given(evidences)
def test_evidence_is_kept_without_loss(evidence: Evidence) -> None:
    """Through JSON and back it is equal, so that every decision can be made again."""
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_equal_evidence_gives_an_equal_decision() -> None:
    """The decision depends on nothing else."""
    first: Decision = decide(BAD, POLICY)
    assert decide(Evidence.from_json(BAD.to_json()), POLICY) == first
