"""What a process counts of its champions, in the default registry of Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
SECONDS = Histogram(
    "horizonte_champion_swap_seconds", "from the promotion to the swap", buckets=BUCKETS
)
REFUSED = Gauge("horizonte_champion_refused", "1 while the promoted model cannot be served")
REFUSALS = Counter("horizonte_champion_refusals", "models that were refused", ["kind"])
AT_HAND = Gauge("horizonte_champions_at_hand", "model versions loaded and warm")
LOADED = Gauge("horizonte_model_load_seconds", "time to load and warm the model in service")
MODEL = Gauge("horizonte_model_info", "1 for the model version in service", ["model_version"])


def serves(model_version: str, loaded_seconds: float) -> None:
    """Say which model version serves from now on, and how long it took to load and warm it."""
    LOADED.set(loaded_seconds)
    MODEL.clear()
    MODEL.labels(model_version).set(1)


def swapped(seconds: float) -> None:
    """Count a swap that came ``seconds`` after its promotion."""
    SECONDS.observe(seconds)


def refused(kind: str) -> None:
    """Count a model that was refused; ``kind`` is the class of the fault."""
    REFUSALS.labels(kind).inc()
