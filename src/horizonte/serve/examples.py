"""Examples of the OpenAPI document: of parameters, and of what every route answers."""

from __future__ import annotations

from typing import Any

_VERSION = "34e569a7bb0470200a325b6dd268c06040c16aab4ba52df899e471668d07d81f"
_REQUEST = "739ac9231c29417bb335c3c456705765"
_ROW = {"ds": "2014-12-31T13:00:00Z", "mean": 4093.2}
_BANDS = {"q05": 3903.8, "q10": 3948.9, "q25": 4025.5, "q50": 4093.0, "q75": 4161.4, "q90": 4260.1}
_INTERVALS = "split conformal per lead-time bucket"
_SAID = {
    "model_version": _VERSION,
    "as_of": "2014-12-31T13:00:00Z",
    "cutoff": "2014-12-31T12:30:00Z",
    "issued_at": "2026-11-25T23:15:12.882732Z",
    "degraded": None,
    "intervals": _INTERVALS,
}
_PLACE = {"unit": "MW", "zone": "Australia/Melbourne", "freq": "PT30M"}
_FORECAST = {
    "unique_id": "vic/demand_mw",
    **_PLACE,
    "horizon": 1,
    "origin": "stored",
    "purpose": "live",
    **_SAID,
    "age_seconds": 0.0,
    "rows": [{**_ROW, "lo_80": 3948.9, "hi_80": 4260.1}],
}
_VINTAGE = {
    "run_id": 1,
    "purpose": "live",
    **_SAID,
    "code_revision": "0.1.0",
    "request_id": _REQUEST,
    "first_ds": "2014-12-31T13:00:00Z",
    "last_ds": "2015-01-02T12:30:00Z",
}
_SERIES = {
    "unique_id": "vic/demand_mw",
    "role": "target",
    **_PLACE,
    "horizon": 96,
    "horizon_duration": "P2D",
    "model_version": _VERSION,
    "covariates": ["vic/temperature_c", "vic/holiday"],
    "known_ahead_hours": 0.0,
    "source": "vic",
    "last_ds": "2014-12-31T12:30:00Z",
    "last_issued_at": "2026-11-25T23:15:12.882732Z",
}
_READING = {
    "ds": "2014-12-31T12:30:00Z",
    "y": 4120.9,
    "revision": 0,
    "available_at": "2014-12-31T13:00:00Z",
}
_PROMOTION: dict[str, Any] = {
    "kind": "promote",
    "previous": None,
    "why": "first model",
    "promoted_by": "operator",
    "evidence": {},
    "recorded_at": "2026-11-25T23:15:10Z",
}
_NOTE = {
    "unique_id": "vic/demand_mw",
    "starts_at": "2014-12-23T13:00:00Z",
    "ends_at": "2014-12-26T13:00:00Z",
    "kind": "ignore",
    "note": "Christmas",
    "available_at": "2014-12-31T13:30:00Z",
}
_RETRAINING = {
    "run_id": 1,
    "action": "retrain",
    "why": "the plant was rebuilt",
    "requested_by": "service",
    "verdict_id": None,
    "requested_at": "2026-11-25T23:20:00Z",
    "state": "waiting",
}
_VERDICT = {
    "verdict_id": 1,
    "model_version": _VERSION,
    "as_of": "2026-11-25T23:00:00Z",
    "action": "keep",
    "triggers": [],
    "brakes": [],
    "sentence_en": "The model is kept: it forecasts as well as before.",
    "sentence_pt": "O modelo fica: prevê tão bem quanto antes.",
    "report": "reports/monitoring/2026-11-25/1/index.html",
    "recorded_at": "2026-11-25T23:15:10Z",
}

PARAMETERS: dict[str, Any] = {
    "number": 1,
    "unique_id": "vic/demand_mw",
    "run_id": 1,
    "version": _VERSION[:8],
    "start": "2014-12-01T00:00:00Z",
    "end": "2014-12-08T00:00:00Z",
    "as_of": "2014-12-08T00:00:00Z",
    "limit": 10,
    "horizon": "PT24H",
    "levels": ["80"],
    "kind": "raw",
    "role": "target",
    "source": "vic",
    "purpose": "live",
    "idempotency-key": "6f1c0c52-7d0a-4f4e-9d7c-2f1b7a1f0e11",
}
ANSWERS: dict[str, Any] = {
    "ForecastAnswer": {
        "model_version": _VERSION,
        "request_id": _REQUEST,
        "forecasts": [_FORECAST],
    },
    "SeriesForecast": _FORECAST,
    "SeriesList": {"model_version": _VERSION, "series": [_SERIES], "next": None},
    "SeriesEntry": _SERIES,
    "ReadingsPage": {
        "unique_id": "vic/demand_mw",
        "kind": "raw",
        **_PLACE,
        "observations": [_READING],
        "next": None,
    },
    "VintagesPage": {"unique_id": "vic/demand_mw", "vintages": [_VINTAGE], "next": "MTI"},
    "Vintage": {
        "unique_id": "vic/demand_mw",
        **_PLACE,
        **_VINTAGE,
        "rows": [{**_ROW, **_BANDS, "q95": 4334.0}],
    },
    "ModelList": {
        "models": [
            {
                "model_version": _VERSION,
                "registered_at": "2026-11-25T23:15:10Z",
                "last_promoted_at": "2026-11-25T23:15:10Z",
                "champion": True,
            }
        ]
    },
    "Model": {
        "model_version": _VERSION,
        "registered_at": "2026-11-25T23:15:10Z",
        "champion": True,
        "card": {"data_as_of": "2018-01-01T00:00:00+00:00"},
        "promotions": [{**_PROMOTION, "gain": None}],
        "gates": [],
        "scores": [],
    },
    "CurrentModel": {
        "model_version": _VERSION,
        "promoted_at": "2026-11-25T23:15:10Z",
        "why": "first model",
        "ready_since": "2026-11-25T23:15:14Z",
        "refused": None,
        "card": {"data_as_of": "2018-01-01T00:00:00+00:00"},
    },
    "Promoted": {"promotion_id": 1, "model_version": _VERSION, **_PROMOTION},
    "CurrentKey": {
        "id": None,
        "scopes": ["read", "write", "admin"],
        "note": None,
        "expires_at": None,
    },
    "Version": {
        "name": "horizonte",
        "version": "0.1.0",
        "python": "3.11.2",
        "bentoml": "1.4.39",
        "model_version": _VERSION,
    },
    "ObservationsAnswer": {
        "accepted": 1,
        "unchanged": 0,
        "corrected": 0,
        "refused": 1,
        "batches": [7],
        "rows": [
            {"outcome": "accepted"},
            {
                "outcome": "refused",
                "reason": "no offset from UTC",
                "fix": "write it (Z or +10:00), or declare times: local and zone",
            },
        ],
    },
    "SeriesAnswer": {
        "source": "workshop",
        "registered": 1,
        "unchanged": 0,
        "series": [{"unique_id": "workshop/load", "outcome": "registered"}],
    },
    "AnnotationsAnswer": {
        "added": 1,
        "withdrawn": 0,
        "unchanged": 0,
        "refused": 0,
        "rows": [{"outcome": "added"}],
    },
    "AnnotationList": {"annotations": [_NOTE]},
    "Retraining": _RETRAINING,
    "RetrainingWhole": {
        **_RETRAINING,
        "steps": [
            {"step": "started", "detail": {"again": 0}, "recorded_at": "2026-11-25T23:20:01Z"}
        ],
    },
    "RetrainingsPage": {"retrainings": [_RETRAINING], "next": None},
    "VerdictsPage": {"verdicts": [_VERDICT], "next": None},
    "Verdict": {**_VERDICT, "drift": [], "findings": [], "evidence": {}, "policy": {}},
    "AlarmList": {
        "alarms": [
            {
                "name": "no readings",
                "thing": "vic",
                "sentence_en": "Nothing has come from vic for 6 hours.",
                "sentence_pt": "Nada chegou de vic há 6 horas.",
                "raised_at": "2026-11-25T23:15:10Z",
            }
        ]
    },
}
