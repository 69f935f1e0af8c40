"""The forecast service as pages ask it: over HTTP, bounded in time, and absent without harm."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from horizonte.config import Settings
from horizonte.serve import run
from horizonte.web.reading import Missing

logger = logging.getLogger(__name__)
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 40.0
UNAUTHENTICATED, FAILED = 401, 500


class Refused(Exception):
    """The service said no and did nothing: its status, and in its words why and what to do next."""

    def __init__(self, status: int, why: str, fix: str = "") -> None:
        super().__init__(status, why, fix)
        self.status, self.why, self.fix = status, why, fix


class Service:
    """The service that the settings name, or the one that runs in this home."""

    def __init__(self, setting: Settings) -> None:
        """Take the settings; nothing is asked yet."""
        self._url, self._key = setting.web_service, setting.web_key
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        verified = ssl.create_default_context()
        self._client = httpx.Client(timeout=timeout, verify=verified, trust_env=False)

    def read(
        self, method: str, path: str, *, key: str | None = None, **given: Any
    ) -> dict[str, Any]:
        """Return what the service answers to ``key``, else to the web app's own key.

        ``given`` is passed to httpx (``json``, ``params``). Only for what a reader of scope read
        may ask. Raises Missing when it does not answer or wants a key that the web app has not,
        Refused when it says no.
        """
        own = self._key.get_secret_value() if self._key else None
        try:
            return self.ask(method, path, key=key or own, **given)
        except Refused as why:
            if why.status == UNAUTHENTICATED and key is None:
                raise Missing("service", f"{why.why} (HORIZONTE_WEB_KEY)") from None
            raise

    def ask(self, method: str, path: str, *, key: str | None, **given: Any) -> dict[str, Any]:
        """Return what the service answers to ``key``; with None, to somebody without a key.

        Raises Missing when it does not answer, Refused when it says no.
        """
        return self._answer(method, path, key=key, **given)[0]

    def send(
        self, path: str, body: bytes, *, key: str | None, once: str
    ) -> tuple[dict[str, Any], bool]:
        """Return what is answered to ``body``, and whether that was the answer of an earlier time.

        It is done once per Idempotency-Key ``once``. Raises as ``ask`` does.
        """
        headers = {"content-type": "application/json", "idempotency-key": once}
        answer, given = self._answer("POST", path, key=key, content=body, headers=headers)
        return answer, "idempotency-replayed" in given

    def _answer(
        self,
        method: str,
        path: str,
        *,
        key: str | None,
        headers: Mapping[str, str] = {},
        **given: Any,
    ) -> tuple[dict[str, Any], httpx.Headers]:
        who = {"authorization": f"Bearer {key}"} if key else {}
        try:
            answer = self._client.request(
                method, self.url() + path, headers={**headers, **who}, **given
            )
            body = answer.json()
        except (httpx.HTTPError, ValueError) as why:
            logger.warning("forecast service cannot answer: %s", why)
            raise Missing("service", str(why)[:300] or type(why).__name__) from None
        if answer.is_success:
            return dict(body), answer.headers
        told = body if isinstance(body, dict) else {}
        said = str(told.get("detail") or told.get("title") or answer.reason_phrase)[:1000]
        if answer.status_code >= FAILED:  # nobody knows what it still did
            raise Missing("service", said)
        raise Refused(answer.status_code, said, str(told.get("fix") or "")[:1000])

    def ready(self) -> None:
        """Return when the service says that it forecasts; raise Missing with what it says else."""
        try:
            answer = self._client.get(self.url() + "/readyz")
        except httpx.HTTPError as why:
            raise Missing("service", str(why)[:300] or type(why).__name__) from None
        if not answer.is_success:
            raise Missing("service", f"HTTP {answer.status_code}: {answer.text[:300]}")

    def url(self) -> str:
        """Return the address of the service; raise Missing where none is set and none runs."""
        if self._url is not None:
            return self._url.rstrip("/")
        found = run.running()
        if found is None:
            raise Missing("service", "none runs in this home; start it: horizonte serve")
        return found.url.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
