"""A challenger, or a request for one, that is not taken further."""

from __future__ import annotations


class Refused(Exception):
    """The reason, in words: nothing broke, and the champion stays."""
