"""A forecast of anybody's frame or spreadsheet, now, with no database: the same models and code."""

from __future__ import annotations

from horizonte.quick.chain import Quick, forecast, run

__all__ = ["Quick", "forecast", "run"]
