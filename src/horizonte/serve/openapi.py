"""The OpenAPI document: BentoML's and FastAPI's merged, told in our schemas and our errors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from horizonte import __version__
from horizonte.serve import examples, problems
from horizonte.serve.schemas import ForecastAnswer, ForecastRequest
from horizonte.serve.schemas_explain import Explanation
from horizonte.serve.schemas_in import MODELS

_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "fix"],
    "properties": {
        "type": {"type": "string", "description": "address of a page that says the fix"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "field": {"type": "string", "description": "what was refused"},
        "value": {"description": "what it held"},
        "allowed": {"description": "what would do"},
        "fix": {"type": "string", "description": "what to do next"},
    },
}
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "hz_<id>_<secret>, where the service runs with HORIZONTE_AUTH=keys",
}
_FOREIGN = (
    "BentoMLException",
    "InvalidArgument",
    "NotFound",
    "InternalServerError",
    "HTTPValidationError",
    "ValidationError",
    "TaskStatusResponse",
)


def document(merged: dict[str, Any]) -> dict[str, Any]:
    """Return ``merged`` as OpenAPI 3.1 in which every error is a problem and no name is foreign.

    BentoML's own reading of a pydantic model drops unions and nulls, so the schemas of
    ``/forecast`` are taken from pydantic.
    """
    kept = {
        name: schema
        for name, schema in merged["components"]["schemas"].items()
        if name not in _FOREIGN and not name.endswith("IODescriptor")
    }
    paths = {
        path: {
            method: _operation(item)
            for method, item in operations.items()
            if isinstance(item, dict)
        }
        for path, operations in merged["paths"].items()
    }
    asks = paths["/forecast"]["post"]
    asks["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": _of("ForecastRequest"), "example": _example()}},
    }
    asks["responses"]["200"] = {
        "description": "the forecasts",
        "content": {"application/json": {"schema": _of("ForecastAnswer")}},
    }
    schemas = {**kept, **_own(), "Problem": _PROBLEM}
    for operations in paths.values():
        for operation in operations.values():
            _show(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Horizonte",
            "version": __version__,
            "description": "Forecasts with calibrated intervals. Every error is a problem"
            " detail (RFC 9457) whose type opens a page that says the fix.",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "security": [{"key": []}, {}],
        "components": {"schemas": schemas, "securitySchemes": {"key": _KEY}},
    }


def _own() -> dict[str, Any]:
    modes = [(ForecastRequest, "validation"), (ForecastAnswer, "serialization"), *MODELS]
    modes += [(Explanation, "serialization")]
    _, schema = models_json_schema(modes, ref_template=_REFERENCE)  # type: ignore[arg-type]
    return dict(schema["$defs"])


def _operation(item: dict[str, Any]) -> dict[str, Any]:
    """Return one operation with its error answers replaced by one problem."""
    kept = {
        str(status): answer
        for status, answer in item.get("responses", {}).items()
        if str(status).startswith("2")
    }
    problem = {
        "description": "a problem, with its fix",
        "content": {problems.MEDIA_TYPE: {"schema": _of("Problem")}},
    }
    named = {key: value for key, value in item.items() if not key.startswith("x-bentoml")}
    for parameter in named.get("parameters", ()):
        if parameter["name"] in examples.PARAMETERS:
            parameter["example"] = examples.PARAMETERS[parameter["name"]]
    return {**named, "responses": {**kept, "default": problem}}


def _show(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give ``operation`` the example of what it answers: its schema's own, or one of ours."""
    for answer in operation["responses"].values():
        for media in answer.get("content", {}).values():
            name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
            shown = schemas.get(name, {}).get("example", examples.ANSWERS.get(name))
            if shown is not None:
                media["example"] = shown


def _of(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}


def _example() -> object:
    extra = ForecastRequest.model_config.get("json_schema_extra")
    return extra["example"] if isinstance(extra, dict) else None
