"""A login that cannot be looked up now is not one of nobody's: 503, never 401 (rulings 1)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace import wiring
from headrace.admission.keys import LookUpFailed
from headrace.catalog.logins import PROGRAM_PREFIX


@pytest.mark.parametrize("trouble", [OperationalError("select", {}, Exception("locked")), PoolTimeout("busy")], ids=str)
def test_a_catalog_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    def fail(*_: Any) -> Any:
        raise trouble

    for name in ("login_key", "placed_key"):
        monkeypatch.setattr(wiring, name, fail)
    gateway: Any = SimpleNamespace()
    wiring.let_logins_in(SimpleNamespace(context=None), gateway)  # type: ignore[arg-type]
    exchange: Any = SimpleNamespace(address="", key=None)
    with pytest.raises(LookUpFailed):
        gateway.login_key(exchange, PROGRAM_PREFIX)
    with pytest.raises(LookUpFailed):
        gateway.place_login(exchange)
