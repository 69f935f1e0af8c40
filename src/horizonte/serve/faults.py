"""Refusals that only the service knows."""

from __future__ import annotations

from horizonte.errors import DataFault, ServiceFault, StoreFault


class NoHistory(StoreFault):
    """A series in service has no rows in this database."""


class MalformedJson(DataFault):
    """A body that is no JSON at all."""


class NotReady(ServiceFault):
    """No champion is loaded yet, or it has not made its first forecast."""


class NoChampion(NotReady):
    """The ledger holds no promotion at all."""
