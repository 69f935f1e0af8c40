"""The OpenAPI document: its examples run, and what comes back is as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import TypeAdapter

from horizonte.embedded.endpoints import S3Settings
from horizonte.retrain.publish import publish
from horizonte.serve import (
    examples,
    schemas,
    schemas_in,
    schemas_loop,
    schemas_moves,
    schemas_out,
)
from horizonte.serve import folder as model_folder
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
SAMPLE, HERE = "vic/demand_mw", "site/a"
READ_ALONE = {"/readyz", "/livez", "/healthz", "/metrics"}  # BentoML's, answered as plain text


@pytest.fixture
def document(client: httpx.Client, model: Path) -> dict[str, Any]:
    """The document, with the names of the sample put into those of this database."""
    text = client.get("/docs.json").text.replace(SAMPLE, HERE)
    version = model_folder.verified(model)[0]
    text = text.replace(f'"{examples.PARAMETERS["version"]}"', f'"{version[:8]}"')
    text = text.replace("PT24H", "PT12H")  # as far as this model reaches
    found: dict[str, Any] = json.loads(text.replace('"source":"vic"', '"source":"site"'))
    return found


@pytest.mark.parametrize("name", sorted(examples.ANSWERS))
def test_each_example_is_what_its_schema_says(name: str) -> None:
    """A field that an example lacks, or has too much, fails here."""
    homes = [
        getattr(m, name)
        for m in (schemas, schemas_in, schemas_loop, schemas_moves, schemas_out)
        if hasattr(m, name)
    ]
    TypeAdapter(homes[0]).validate_python(examples.ANSWERS[name])
    assert set(examples.ANSWERS[name]) <= set(homes[0].model_fields)


def valid(document: dict[str, Any], media: dict[str, Any], answer: Any) -> None:
    """Raise where ``answer`` differs from the schema that ``media`` promises."""
    whole = {**media["schema"], "components": document["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(answer)


def test_every_example_runs(
    client: httpx.Client,
    document: dict[str, Any],
    conn: Connection,
    bucket: S3Settings,
    variant: Callable[[str], Path],
) -> None:
    """Each operation, asked with the document's own examples, answers with what it promises."""
    _decided(conn)
    for use in ("one to go back to", "one to go back from"):
        publish(conn, variant(use), s3=bucket, why=use)
    client.post("/forecast", json={"series": HERE}).raise_for_status()
    runs = client.get(f"/forecasts/{HERE}/vintages").json()["vintages"]
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            given = {p["name"]: p for p in operation.get("parameters", ())}
            shown = {n: p["example"] for n, p in given.items() if "example" in p}
            shown |= {"run_id": runs[0]["run_id"]} if "run_id" in shown else {}
            assert set(given) - set(shown) <= {"cursor", "since"}, (path, method)
            inside = {n: v for n, v in shown.items() if given[n]["in"] == "path"}
            query = {n: v for n, v in shown.items() if given[n]["in"] == "query"}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            answer = client.request(
                method,
                path.format(**inside),
                params=query,
                json=None if body is None else body["example"],
            )
            promised = next(iter(operation["responses"]))
            assert answer.status_code == int(promised), (method, path, answer.text)
            if path not in READ_ALONE:
                media = operation["responses"][promised]["content"]["application/json"]
                assert "example" in media, (method, path)
                assert set(media["example"]) <= set(answer.json()), (method, path)
                valid(document, media, answer.json())
            asked += 1
    assert asked >= 15


def _decided(conn: Connection) -> None:
    """Put the first verdict on record."""
    conn.execute(
        """INSERT INTO verdict (model_version, as_of, action, triggers, brakes, sentence_en,
               sentence_pt, evidence, policy)
           VALUES ('v', now(), 'keep', '{}', '{}', 'It is kept.', 'Fica.', '{}', '{}')"""
    )


@pytest.mark.parametrize(("path", "asked", "key"), [
    ("/series", {"limit": 1}, "series"),
    ("/series/{unique_id}/observations", {"limit": 5}, "observations"),
    ("/forecasts/{unique_id}/vintages", {"limit": 1, "purpose": "any"}, "vintages"),
])  # fmt: skip
def test_the_cursor_of_a_page_is_taken_as_it_came(
    client: httpx.Client, document: dict[str, Any], path: str, asked: dict[str, Any], key: str
) -> None:
    """The page behind it holds other rows, in the form that the schema says."""
    for as_of in ("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"):
        client.post("/forecast", json={"series": HERE, "as_of": as_of}).raise_for_status()
    media = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    address = path.format(unique_id=HERE)
    first = client.get(address, params=asked).json()
    second = client.get(address, params={**asked, "cursor": first["next"]}).json()
    assert second[key]
    assert not [row for row in second[key] if row in first[key]]
    valid(document, media, second)


def test_since_compares_with_the_vintage_that_it_names(
    client: httpx.Client, document: dict[str, Any], loaded: str, load: Any, world: Any
) -> None:
    """What changed since a run on record is told, in the form that the schema says."""
    client.post("/forecast", json={"series": HERE}).raise_for_status()
    run = client.get(f"/forecasts/{HERE}/vintages").json()["vintages"][0]["run_id"]
    with connect(loaded) as conn:
        load(
            conn,
            pd.DataFrame(
                {"unique_id": [HERE], "ds": [world.end - pd.Timedelta("23h")], "y": [120.0]}
            ),
        )
    answer = client.get(f"/explain/{HERE}", params={"since": run}).json()
    assert answer["changed"]["run_id"] == run
    item = document["paths"]["/explain/{unique_id}"]["get"]
    valid(document, item["responses"]["200"]["content"]["application/json"], answer)


def test_a_client_is_told_how_to_send_its_key(document: dict[str, Any]) -> None:
    """A bearer token, needed only where the service asks for keys."""
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert document["security"] == [{"key": []}, {}]
