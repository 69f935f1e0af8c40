"""Settings: what changes a place lives in the environment (``HORIZONTE_*``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
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
    mqtt_version: Literal["3.1.1", "5"] = Field("3.1.1", description="MQTT version to speak")
    mqtt_ca: Path | None = Field(None, description="authorities that vouch for the broker (PEM)")
    mqtt_cert: Path | None = Field(None, description="certificate shown to the broker (PEM)")
    mqtt_key: Path | None = Field(None, description="key of that certificate (PEM, no passphrase)")
    mqtt_client_id: str | None = Field(
        None, min_length=1, max_length=200, description="name of the session kept by the broker"
    )
    mqtt_window: int = Field(
        20_000, ge=1, le=65_535, description="messages that may wait for their acknowledgement"
    )
    mqtt_batch: int = Field(5_000, ge=1, le=65_535, description="readings written at once, at most")
    mqtt_flush_seconds: float = Field(
        0.2, gt=0, le=60, description="longest wait of a reading for its batch"
    )
    host: str = Field("127.0.0.1", description="address that the forecast service binds")
    port: int = Field(3000, description="port of the forecast service; 0 takes a free one")
    auth: Literal["off", "keys"] = Field(
        "off", description="who may ask: off, this machine; keys, whoever has an API key"
    )
    issue: Literal["on", "off"] = Field(
        "on", description="whether the service keeps a process beside it that issues forecasts"
    )
    webhook: str | None = Field(None, description="http(s) URL that is told of every alarm")
    webhook_secret: SecretStr | None = Field(
        None, description="key of the signature under what it is told"
    )
    web_host: str = Field("127.0.0.1", description="address that the web app binds")
    web_port: int = Field(3080, ge=0, le=65_535, description="port of the web app; 0: a free one")
    web_origin: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+$",
        description="address under which people reach the web app: http(s)://host[:port]",
    )
    web_service: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="http(s) URL of the forecast service that the web app asks",
    )
    web_key: SecretStr | None = Field(
        None, description="API key with which the web app asks it on nobody's behalf"
    )
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
