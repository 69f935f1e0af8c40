"""The form that says how a file is to be read, and what of it is asked of the reading process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the form may say of the file; empty means: as its content tells.
TEXTS = ("sheet", "delimiter", "encoding", "decimal", "zone", "freq")
CHOICES = {
    "delimiter": (",", ";", "\t", "|"),
    "encoding": ("utf-8", "cp1252", "utf-16"),
    "day_first": ("true", "false"),
    "decimal": (".", ","),
    "thousands": (".", ",", " ", "'"),
    "duplicates": ("refuse", "first", "last"),
    "clock": ("recorded", "wall"),
}
DIALECT = ("sheet", "delimiter", "encoding", "header_row")  # another one has other columns
ROLES = ("time", "clock", "value", "id", "ignore")
MOST_COLUMNS, MOST_SERIES = 60, 40  # that the form shows
LONGEST = 200
Form = Mapping[str, str]
Asked = dict[str, Any]


def asked(form: Form, before: Asked, told: Mapping[str, Any]) -> Asked:
    """Return what ``form`` asks of the file, given what was asked ``before`` and what it said."""
    hints = _hints(form)
    changed = any(hints.get(k) != before["hints"].get(k) for k in DIALECT)
    made = {**before, "source": _text(form, "source"), "values": [], "hints": hints}
    made |= {n: _chosen(form, n) or before.get(n) for n in ("clock", "duplicates")}
    if changed:
        return made | {"names": {}, "units": {}}
    columns = told["columns"][:MOST_COLUMNS]
    roles = {c["name"]: _chosen(form, f"role-{i}", ROLES) for i, c in enumerate(columns)}
    hints |= _columns(roles)
    was = {c["name"]: c.get("role") for c in columns}
    made["values"] = [n for n, role in roles.items() if role == "value" != was[n]]
    for place, one in enumerate(told.get("series", ())[:MOST_SERIES]):
        for kind, shown in (("names", one["unique_id"]), ("units", one["unit"])):
            said = _text(form, f"{kind}-{place}")
            if said and said != shown:
                made[kind] = {**made[kind], one["key"]: said}
    return made


def _hints(form: Form) -> Asked:
    found: Asked = {}
    for name in TEXTS:
        said = form.get(name, "")[:LONGEST]
        if said and (name not in CHOICES or said in CHOICES[name]):
            found[name] = said if name in ("sheet", "delimiter") else said.strip()
    if (row := form.get("header_row", "").strip()).isascii() and row.isdigit():
        found["header_row"] = min(max(int(row[:6]), 1), 1000)
    if day := _chosen(form, "day_first"):
        found["day_first"] = day == "true"
    if "decimal" in found:
        mark = form.get("thousands", "")
        found["thousands"] = mark if mark in CHOICES["thousands"] else None
    return {name: value for name, value in found.items() if value != ""}


def _columns(roles: Mapping[str, str | None]) -> Asked:
    """Return what the roles of the columns say; nothing where some are left open."""
    of = {role: [name for name, said in roles.items() if said == role] for role in ROLES}
    found: Asked = {}
    if of["time"]:
        found["timestamp"] = [*of["time"][:1], *of["clock"][:1]]
    if of["id"]:
        found |= {"layout": "long", "id": of["id"][0]}
        found |= {"value": of["value"][0]} if of["value"] else {}
    elif of["value"]:
        found |= {"layout": "wide", "ignore": of["ignore"]}
    return found


def _text(form: Form, name: str) -> str:
    said = form.get(name, "").strip()[:LONGEST]
    return said if said.isprintable() else ""


def _chosen(form: Form, name: str, among: tuple[str, ...] = ()) -> str | None:
    said = form.get(name, "")
    return said if said in (among or CHOICES[name]) else None
