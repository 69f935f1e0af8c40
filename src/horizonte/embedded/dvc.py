"""The DVC remote of a project, pointed at the bucket by its private configuration file."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

from horizonte.embedded.endpoints import S3Settings
from horizonte.embedded.state import replace_private
from horizonte.errors import ConfigFault

# The quotes are part of the section's name as DVC writes it.
SECTION = "'remote \"storage\"'"
OURS = ("url", "endpointurl", "access_key_id", "secret_access_key", "region")


def point_remote(project: Path, s3: S3Settings) -> None:
    """Write bucket, endpoint and keys to ``.dvc/config.local`` (mode 0600), once and atomically.

    Other sections and options of that file stay. A file that says all this already is left
    untouched.
    """
    path = project / ".dvc" / "config.local"
    parser = _parser(path)
    before = dict(parser[SECTION]) if parser.has_section(SECTION) else {}
    wanted = {name: value for name, value in before.items() if name not in OURS} | _options(s3)
    if before == wanted:
        return
    parser[SECTION] = wanted
    _replace(path, parser)


def _options(s3: S3Settings) -> dict[str, str]:
    values = (f"s3://{s3.bucket}/dvc", s3.endpoint, s3.key, s3.secret, s3.region)
    return {name: value for name, value in zip(OURS, values, strict=True) if value}


def _parser(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=False)
    try:
        parser.read(path)
    except configparser.Error as error:
        raise ConfigFault(
            "DVC's private configuration",
            str(path),
            "readable",
            f"correct it or delete it ({error.message.splitlines()[0]})",
        ) from None
    return parser


def _replace(path: Path, parser: configparser.ConfigParser) -> None:
    text = io.StringIO()
    parser.write(text)
    replace_private(path, text.getvalue())
