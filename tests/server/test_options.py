from __future__ import annotations

from typing import Any

import pytest

from trio_httpd import Options


@pytest.mark.parametrize("name", ["tls", "listing", "disconnect", "compression", "timeout"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        Options(**{name: None})  # type: ignore[arg-type]


async def tell(*what: object) -> None:
    """Stand for an ``on_error`` that nobody would await."""


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"timeouts": 3}, TypeError),
        ({"limits": {}}, TypeError),
        ({"overflow": "drop"}, ValueError),
        ({"docroot": b"public"}, TypeError),
        ({"on_error": "log"}, TypeError),
        ({"on_error": tell}, TypeError),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        Options(**options)
