"""Errors a person can act on: the thing, its value, what is allowed, the next step."""

from __future__ import annotations


class Fault(Exception):
    """One refusal, in the four parts that every surface (CLI, API, reports) shows.

    ``thing`` names what was refused (``readings.csv row 214: unit``), ``value`` what it
    held, ``allowed`` what would have been accepted, ``fix`` what to do next.
    """

    def __init__(self, thing: str, value: object, allowed: str, fix: str) -> None:
        super().__init__(thing, value, allowed, fix)
        self.thing, self.value, self.allowed, self.fix = thing, value, allowed, fix

    def __str__(self) -> str:
        return f"{self.thing}: {self.value!r} is not {self.allowed}; {self.fix}"


class ConfigFault(Fault):
    """A setting, parameter or source declaration is wrong."""


class DataFault(Fault):
    """Input data cannot be understood without guessing."""


class NotFound(Fault):
    """What was asked for does not exist; ``fix`` names the nearest that do."""


class StoreFault(Fault):
    """The database or bucket cannot do what was asked (unreachable, missing batch, pin)."""


class ModelFault(Fault):
    """A model folder is absent, corrupt, tampered with or incompatible."""


class ServiceFault(Fault):
    """An embedded service did not start, answer or stop."""
