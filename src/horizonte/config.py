"""Settings: what changes a place lives in the environment (``HORIZONTE_*``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from horizonte import paths


class Settings(BaseSettings):
    """Every setting, read once from the environment; unset URLs mean the embedded service."""

    model_config = SettingsConfigDict(env_prefix="HORIZONTE_", extra="ignore", frozen=True)

    home: Path | None = Field(None, description="folder of embedded services, caches and logs")
    database: str | None = Field(None, description="PostgreSQL or TimescaleDB URL")
    s3: str | None = Field(
        None,
        description="bucket URL: s3://bucket for AWS, or http(s)://key:secret@host:port/bucket",
    )
    mqtt: str | None = Field(None, description="broker URL: mqtt(s)://user:password@host:port")
    host: str = Field("127.0.0.1", description="address that the forecast service binds")
    port: int = Field(3000, description="port of the forecast service; 0 takes a free one")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    def home_folder(self) -> Path:
        """Return the home: the setting, or ``.horizonte/`` of the main work tree."""
        if self.home is not None:
            return self.home.expanduser().resolve()
        return paths.main_work_tree(paths.project_root()) / ".horizonte"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the process's settings; tests call ``settings.cache_clear()`` after a change."""
    return Settings()
