"""Problem details: complete, truthful, and each with a page that says the fix."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from horizonte.errors import ConfigFault, DataFault, Fault, ModelFault, NotFound, StoreFault
from horizonte.serve import kinds, problems
from horizonte.serve.schemas_moves import RollbackRequest


@pytest.mark.parametrize("kind", kinds.KINDS.values(), ids=lambda k: k.slug)
def test_every_kind_has_a_page(kind: kinds.Kind) -> None:
    """The page of a kind says its title and its fix."""
    page = kinds.page(kind)
    assert kind.title in page
    assert kind.fix.replace('"', "&quot;") in page


@pytest.mark.parametrize(
    ("fault", "status"), [(NotFound, 404), (DataFault, 422), (StoreFault, 503), (ModelFault, 503)]
)
def test_a_fault_keeps_its_four_parts(fault: type[Fault], status: int) -> None:
    """A Fault becomes a problem with field, value, allowed and fix."""
    problem = problems.of_fault(fault("horizon", 99, "at most 48", "ask for less"))
    body = json.loads(problem.body("r-1"))
    assert body["status"] == status
    assert [body[k] for k in ("field", "value", "allowed", "fix")] == [
        "horizon",
        99,
        "at most 48",
        "ask for less",
    ]
    assert body["type"] == f"/problems/{problem.kind.slug}"
    assert body["instance"] == "urn:horizonte:request:r-1"


def test_a_fault_of_the_installation_is_internal() -> None:
    """A wrong setting is not shown to a client."""
    body = problems.of_fault(
        ConfigFault("HORIZONTE_S3", "http://key:pw@x", "a bucket", "correct it")
    ).body("r")
    assert b"pw" not in body


def test_union_branches_are_one_field() -> None:
    """The two complaints of a union come as one field with both ways out."""
    errors = [
        {"type": "int_type", "loc": ("horizon", "int"), "msg": "an integer"},
        {"type": "string_type", "loc": ("horizon", "str"), "msg": "a string"},
    ]
    problem = problems.of_validation(errors, b'{"horizon": [1]}')
    assert problem.extra["field"] == "horizon"
    assert problem.extra["allowed"] == "an integer, or: a string"
    assert problem.extra["value"] == [1]


def test_a_missing_field_is_named() -> None:
    """What is not there is named with null as its value."""
    problem = problems.of_validation(
        [{"type": "missing", "loc": ("series",), "msg": "Field required"}], b"{}"
    )
    assert (problem.extra["field"], problem.extra["value"], problem.extra["fix"]) == (
        "series",
        None,
        "add series",
    )


def test_broken_json_is_its_own_kind() -> None:
    """A body that is no JSON is 400, not a field's fault."""
    assert (
        problems.of_validation(
            [{"type": "json_invalid", "loc": (), "msg": "EOF"}], b"{"
        ).kind.status
        == 400
    )


def test_a_long_value_is_cut() -> None:
    """A hostile value is echoed in part only."""
    errors = [{"type": "string_too_long", "loc": ("series",), "msg": "too long"}]
    value = problems.of_validation(errors, json.dumps({"series": "x" * 5000}).encode()).extra[
        "value"
    ]
    assert len(str(value)) < 210


@pytest.mark.parametrize("why", ["", " "])
def test_a_blank_reason_is_told_plainly(why: str) -> None:
    """Not by the pattern that it does not match."""
    with pytest.raises(ValidationError) as refused:
        RollbackRequest(why=why)
    problem = problems.of_validation(
        [dict(one) for one in refused.value.errors()], json.dumps({"why": why}).encode()
    )
    assert problem.extra["allowed"] == "must not be blank"
    assert problem.detail == "why: must not be blank"
