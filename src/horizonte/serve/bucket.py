"""The bucket: model folders, of which no key is ever replaced, and pages, which may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import NotFound, StoreFault

_OPTIONS = Config(
    connect_timeout=3, read_timeout=20, retries={"max_attempts": 2}, s3={"addressing_style": "path"}
)


@dataclass(frozen=True)
class Bucket:
    """One bucket and a client that speaks S3 to it."""

    name: str
    client: Any

    @classmethod
    def of(cls, s3: S3Settings) -> Bucket:
        """Return the bucket of ``s3``; nothing is asked of the network yet."""
        client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint,
            aws_access_key_id=s3.key,
            aws_secret_access_key=s3.secret,
            region_name=s3.region,
            config=_OPTIONS,
        )
        return cls(s3.bucket, client)

    def put_once(self, key: str, content: bytes) -> bool:
        """Write ``content`` unless ``key`` exists; return whether this call wrote it."""
        try:
            self.client.put_object(Bucket=self.name, Key=key, Body=content, IfNoneMatch="*")
        except (BotoCoreError, ClientError) as why:
            if _code(why) in ("PreconditionFailed", "412"):
                return False
            raise self._failed("write", key, why) from None
        return True

    def put(self, key: str, content: bytes, media_type: str) -> None:
        """Write ``content`` under ``key``, whatever stood there: pages, never models."""
        try:
            self.client.put_object(Bucket=self.name, Key=key, Body=content, ContentType=media_type)
        except (BotoCoreError, ClientError) as why:
            raise self._failed("write", key, why) from None

    def remove(self, key: str) -> None:
        """Remove what is stored under ``key``, if anything is: pages, never models."""
        try:
            self.client.delete_object(Bucket=self.name, Key=key)
        except (BotoCoreError, ClientError) as why:
            raise self._failed("remove", key, why) from None

    def get(self, key: str, *, most: int | None = None) -> bytes:
        """Return what is stored under ``key``, its first ``most`` bytes; raise NotFound when nothing is."""
        try:
            content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read(most)
        except (BotoCoreError, ClientError) as why:
            if _code(why) in ("NoSuchKey", "404"):
                raise NotFound(
                    "object", f"{self.name}/{key}", "in the bucket", "publish the model again"
                ) from None
            raise self._failed("read", key, why) from None
        return content

    def listed(self, prefix: str, *, after: str = "") -> dict[str, tuple[datetime, int]]:
        """Return the keys that begin with ``prefix``: when each was written, and its size.

        Keys come in their order: those up to ``after`` are not even asked for.
        """
        found: dict[str, tuple[datetime, int]] = {}
        try:
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix, StartAfter=after
            ):
                for one in page.get("Contents", ()):
                    found[one["Key"]] = (one["LastModified"], int(one["Size"]))
        except (BotoCoreError, ClientError) as why:
            raise self._failed("list", prefix, why) from None
        return found

    def _failed(self, verb: str, key: str, why: Exception) -> StoreFault:
        return StoreFault(
            f"bucket {self.name}",
            key,
            f"possible to {verb} ({type(why).__name__})",
            "start S3 (horizonte up), or correct HORIZONTE_S3",
        )


def _code(why: Exception) -> str:
    response = getattr(why, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
