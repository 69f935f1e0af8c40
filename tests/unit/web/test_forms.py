"""Where a form may lead its reader."""

from __future__ import annotations

import pytest

from horizonte.web import forms


@pytest.mark.parametrize("address", ["/", "/models?page=2", "/series?id=a%2Fb"])
def test_a_place_of_the_web_app_is_kept(address: str) -> None:
    """Paths with their queries stay as they are."""
    assert forms.inside(address) == address


@pytest.mark.parametrize(
    "address", ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "models"]
)
def test_another_place_is_not_led_to(address: str) -> None:
    """Other hosts, however they are written, become the overview."""
    assert forms.inside(address) == "/"
