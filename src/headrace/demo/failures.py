"""The errors that the shop's programs meet: some every day, one since the bad release."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """``share`` among its kind; ``backtrace`` with the innermost frame first."""

    name: str
    message: str
    service: str
    share: int
    backtrace: tuple[str, ...]
    level: str = "error"


DAILY = (
    Failure(
        "TimeoutError",
        "the search index did not answer within 3 s",
        "search",
        34,
        ("shop/search/client.py:71:in query", "shop/search/views.py:28:in results", "shop/http.py:112:in dispatch"),
    ),
    Failure(
        "PaymentRefused",
        "order {number}: card declined",
        "checkout",
        26,
        ("shop/payment/provider.py:140:in charge", "shop/checkout/views.py:88:in pay", "shop/http.py:112:in dispatch"),
    ),
    Failure(
        "TemplateError",
        "no translation of 'cart.empty' into nl",
        "web",
        18,
        ("shop/i18n.py:33:in translate", "shop/web/cart.py:19:in show", "shop/http.py:112:in dispatch"),
        "warning",
    ),
    Failure(
        "ConnectionResetError",
        "the mail server closed the connection",
        "worker",
        14,
        ("shop/mail/transport.py:57:in send", "shop/worker/tasks.py:24:in confirm", "shop/worker/loop.py:41:in run"),
    ),
    Failure(
        "IntegrityError",
        "customer {user} has a cart already",
        "web",
        8,
        ("shop/db.py:203:in insert", "shop/web/cart.py:44:in create", "shop/http.py:112:in dispatch"),
    ),
)

AFTER_DEPLOY = (
    Failure(
        "KeyError",
        "'shipping_method'",
        "checkout",
        88,
        (
            "shop/checkout/pricing.py:118:in total",
            "shop/checkout/views.py:61:in summary",
            "shop/http.py:112:in dispatch",
        ),
    ),
    Failure(
        "PoolExhausted",
        "no connection to the database became free within 5 s",
        "web",
        12,
        ("shop/db.py:88:in connection", "shop/web/products.py:17:in show", "shop/http.py:112:in dispatch"),
        "fatal",
    ),
)
