"""The OpenAPI document: its examples run, and what comes back is as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from horizonte.serve import examples, schemas, schemas_in, schemas_out
from horizonte.serve import folder as model_folder

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
    homes = [getattr(m, name) for m in (schemas, schemas_in, schemas_out) if hasattr(m, name)]
    TypeAdapter(homes[0]).validate_python(examples.ANSWERS[name])
    assert set(examples.ANSWERS[name]) <= set(homes[0].model_fields)


def test_every_example_runs(client: httpx.Client, document: dict[str, Any]) -> None:
    """Each operation, asked with the document's own examples, answers 200 with what it promises."""
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
            query = {n: v for n, v in shown.items() if given[n]["in"] == "query" and n != "source"}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            answer = client.request(
                method,
                path.format(**inside),
                params=query,
                json=None if body is None else body["example"],
            )
            assert answer.status_code == 200, (method, path, answer.text)
            if path not in READ_ALONE:
                media = operation["responses"]["200"]["content"]["application/json"]
                assert "example" in media, (method, path)
                assert set(media["example"]) <= set(answer.json()), (method, path)
            asked += 1
    assert asked >= 15
