"""Published models from where this installation keeps them: its cache, else its bucket."""

from __future__ import annotations

from pathlib import Path

from horizonte.config import settings
from horizonte.embedded import services
from horizonte.serve import champion
from horizonte.serve.bucket import Bucket
from horizonte.serve.champion import Champion


def bucket() -> Bucket:
    """Return the bucket of the settings, the embedded one unless one is set."""
    return Bucket.of(services.endpoints().s3)


def obtain(version: str) -> Champion:
    """Return a published version, loaded and checked; raises as ``champion.obtain``."""
    return champion.obtain(version, home=settings().home_folder(), bucket=bucket())


def folder(version: str) -> Path:
    """Return the folder of a published version in the cache, fetched where it is not whole there."""
    return settings().home_folder() / champion.PREFIX / obtain(version).version
