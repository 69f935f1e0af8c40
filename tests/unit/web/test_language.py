"""Catalogues and templates: every language whole, and no text outside them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

from horizonte.web import language
from horizonte.web.language import LANGUAGES, catalogue, chosen

WEB = Path(language.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.j2"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
SOURCES = sorted(WEB.glob("*.py"))


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_the_same_texts() -> None:
    """Each key is in every catalogue, with the same places to fill."""
    first, *others = (catalogue(tag) for tag in LANGUAGES)
    for other in others:
        assert first.keys() == other.keys()
        assert not [key for key in first if places(first[key]) != places(other[key])]


def test_every_text_is_translated() -> None:
    """Texts of more than two words differ between the languages."""
    english, portuguese = catalogue("en"), catalogue("pt-BR")
    same = [k for k, v in english.items() if v.count(" ") > 1 and portuguese[k] == v]
    assert not [key for key in same if not key.startswith("lang.")]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_templates_hold_no_text(path: Path) -> None:
    """What is left of a template without tags and expressions has no letters; no attribute is a text."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(), flags=re.DOTALL)
    labels = re.findall(r"\b(?:title|alt|aria-label|placeholder)=\"([^\"]*)\"", text)
    assert not [label for label in labels if label.strip()]
    assert not re.findall(r"[^\W\d_]+", re.sub(r"<[^>]*>", "", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_every_named_text_exists(path: Path) -> None:
    """Each key that a template names whole is in the catalogues; one with a count has its forms."""
    known = catalogue("en")
    for key in re.findall(r"\bt\('([\w.]+)'[,)]", path.read_text()):
        assert key in known or f"{key}.other" in known, key
    for group in re.findall(r"\bt\.(?:under|named)\('([\w.]+)'", path.read_text()):
        assert any(known_key.startswith(f"{group}.") for known_key in known), group


def test_no_text_is_idle() -> None:
    """Each text is named by a template, or belongs to a group that one names."""
    code = "".join(p.read_text() for p in [*TEMPLATES, *SOURCES])
    named = set(re.findall(r"['\"]([a-z_]+(?:\.[a-z_]+)*)\.?['\"]", code))
    idle = [
        key for key in catalogue("en") if key not in named and key.rpartition(".")[0] not in named
    ]
    assert not idle


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_hold_no_text(path: Path) -> None:
    """No string of a script reads as a sentence: words come from the page."""
    code = re.sub(r"//.*", "", path.read_text())
    strings = re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code)
    assert not [s for pair in strings for s in pair if re.search(r"[A-Z][a-z]+ [a-z]+", s)]


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "tag"),
    [
        (None, None, "", "en"),
        (None, None, "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        (None, None, "en;q=0.5,pt;q=0.7", "pt-BR"),
        (None, None, "de,fr;q=0.9", "en"),
        (None, None, "pt;q=0,en", "en"),
        (None, None, "pt;q=x,,;;,en-GB", "en"),
        (None, "pt-BR", "en", "pt-BR"),
        ("en", "pt-BR", "pt", "en"),
        ("xx", None, "pt", "pt-BR"),
    ],
)
def test_the_language_chosen(asked: str, kept: str, accepted: str, tag: str) -> None:
    """The address outranks the cookie, the cookie the browser; what there is not is passed over."""
    assert chosen(asked, kept, accepted) == tag


def test_plurals_follow_the_language() -> None:
    """In Portuguese nought is singular, in English plural."""
    forms = {tag: language.texts(tag).locale.plural_form(0) for tag in LANGUAGES}
    assert forms == {"en": "other", "pt-BR": "one"}


@pytest.mark.parametrize("locale", LANGUAGES.values())
def test_no_key_stands_in_two_files(locale: str) -> None:
    """A group of texts belongs to one file of its language, and both languages have the same files."""
    files = sorted((WEB / "locale" / locale).glob("*.toml"))
    groups = [name for file in files for name in tomllib.loads(file.read_text())]
    assert len(groups) == len(set(groups))
    assert [f.name for f in files] == sorted(f.name for f in (WEB / "locale/en").glob("*.toml"))
