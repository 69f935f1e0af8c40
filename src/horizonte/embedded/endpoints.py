"""Where the database, the bucket and the broker are, embedded or set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from horizonte.errors import ConfigFault, ServiceFault


@dataclass(frozen=True)
class S3Settings:
    """One bucket. Without an endpoint it is AWS's; without keys the usual AWS chain finds them."""

    bucket: str
    endpoint: str | None = None
    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the bucket of ``s3://bucket`` or ``http(s)://key:secret@host:port/bucket``.

        ``?region=`` may follow; key and secret are percent-encoded. Raises ConfigFault,
        which never shows the secret.
        """
        parts = urlsplit(url)
        bucket = parts.netloc if parts.scheme == "s3" else parts.path.strip("/")
        extra = parts.path.strip("/") if parts.scheme == "s3" else ""
        keyed = bool(parts.username) == bool(parts.password)
        if parts.scheme not in ("s3", "http", "https") or not _plain(bucket) or extra or not keyed:
            raise ConfigFault(
                "HORIZONTE_S3",
                f"{parts.scheme}://{parts.hostname or ''}{parts.path}",
                "s3://bucket or http(s)://key:secret@host:port/bucket",
                "give one bucket, and key and secret both or neither",
            )
        region = parse_qs(parts.query).get("region", [None])[0]
        if parts.scheme == "s3":
            return cls(bucket, region=region)
        host = parts.netloc.rpartition("@")[2]
        return cls(
            bucket,
            f"{parts.scheme}://{host}",
            _decoded(parts.username),
            _decoded(parts.password),
            region,
        )

    def url(self, *, secret: bool = True) -> str:
        """Return the URL that ``parse`` reads, without credentials when ``secret`` is false."""
        if self.endpoint is None:
            return f"s3://{self.bucket}"
        scheme, host = self.endpoint.split("://", 1)
        user = f"{quote(self.key or '', safe='')}:{quote(self.secret or '', safe='')}@"
        return f"{scheme}://{user if secret and self.key else ''}{host}/{self.bucket}"


@dataclass(frozen=True)
class Endpoints:
    """Where the services are; asking for one that was never started is a ServiceFault."""

    database_url: str | None = field(repr=False)
    bucket: S3Settings | None
    broker_url: str | None = field(default=None, repr=False)

    @property
    def database(self) -> str:
        """The database URL, with its password."""
        if self.database_url is None:
            raise _absent("postgres")
        return self.database_url

    @property
    def s3(self) -> S3Settings:
        """The bucket."""
        if self.bucket is None:
            raise _absent("s3")
        return self.bucket

    @property
    def mqtt(self) -> str:
        """The broker's URL, with its password."""
        if self.broker_url is None:
            raise _absent("mqtt")
        return self.broker_url


def without_secret(url: str) -> str:
    """Return a URL without the password in it."""
    parts = urlsplit(url)
    if parts.password is None:
        return parts._replace(query="").geturl()
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}@{host}", query="").geturl()


def _absent(name: str) -> ServiceFault:
    return ServiceFault(name, "not started", "running", "run `horizonte up`")


def _plain(bucket: str) -> bool:
    return bool(bucket) and all(c.isalnum() or c in ".-_" for c in bucket)


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text)
