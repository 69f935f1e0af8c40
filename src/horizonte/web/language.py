"""Texts by language: catalogues with the same keys, and which of them a reader gets."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

from babel import Locale

LANGUAGES = {"en": "en", "pt-BR": "pt_BR"}  # tag in HTML and addresses: locale of Babel
DEFAULT = "en"


class Texts:
    """The catalogue of one language; asking for a key that it lacks is an error."""

    def __init__(self, tag: str) -> None:
        """Take the language's tag, one of LANGUAGES."""
        self.tag, self.locale = tag, Locale.parse(LANGUAGES[tag])
        self._texts = catalogue(tag)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of ``key`` with ``values`` in its places.

        With a number called ``count``, the form of ``key`` that it takes: ``key.one`` or
        ``key.other``.
        """
        if isinstance(count := values.get("count"), int):
            form = f"{key}.{self.locale.plural_form(count)}"
            key = form if form in self._texts else f"{key}.other"
        return self._texts[key].format(**values)

    def named(self, group: str, name: object) -> str:
        """Return the text of a word of the ledger, such as an action; itself where it has none."""
        key = str(name).replace(" ", "_").replace("-", "_")
        return self._texts.get(f"{group}.{key}", str(name))

    def under(self, group: str) -> dict[str, str]:
        """Return the texts below ``group``, by the rest of their key."""
        start = group + "."
        return {k.removeprefix(start): v for k, v in self._texts.items() if k.startswith(start)}

    def sentence(self, row: Any) -> str:
        """Return the sentence that a row of the ledger holds in this language."""
        part = "sentence_pt" if self.tag == "pt-BR" else "sentence_en"
        return str(row[part] if isinstance(row, dict) else getattr(row, part))


@lru_cache(maxsize=8)
def texts(tag: str) -> Texts:
    """Return the texts of a language."""
    return Texts(tag)


@lru_cache(maxsize=8)
def catalogue(tag: str) -> dict[str, str]:
    """Return the texts of a language by their dotted keys; each page has a file of its own."""
    folder = resources.files("horizonte.web") / "locale" / LANGUAGES[tag]
    found: dict[str, str] = {}
    for file in folder.iterdir():
        found |= _flat(tomllib.loads(file.read_text(encoding="utf-8")), "")
    return found


def chosen(asked: str | None, kept: str | None, accepted: str) -> str:
    """Return the language: as ``asked`` in the address, as ``kept`` in a cookie, as ``accepted``.

    ``accepted`` is an Accept-Language header; the first of its languages that there is, by
    weight, wins. Portuguese of any country is ours.
    """
    for tag in (asked, kept):
        if tag in LANGUAGES:
            return str(tag)
    for tag in _by_weight(accepted):
        if tag.partition("-")[0] in ("pt", "en"):
            return "pt-BR" if tag.startswith("pt") else "en"
    return DEFAULT


def _by_weight(header: str) -> list[str]:
    found = []
    for place, part in enumerate(header.lower().split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            found.append((-float(weight or 1), place, tag))
        except ValueError:
            continue
    return [tag for weight, _, tag in sorted(found) if weight < 0]


def _flat(tree: dict[str, Any], start: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in tree.items():
        key = f"{start}{name}"
        pairs += _flat(value, key + ".") if isinstance(value, dict) else [(key, value)]
    return pairs
