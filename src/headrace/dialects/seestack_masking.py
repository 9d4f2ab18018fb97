"""What a replay must not keep of the inputs that it saw (contract 1.6): three rules, one after the other."""

from __future__ import annotations

import re

MASK = "***REDACTED***"

# A string of JSON, its quotes included. Each is looked at once: no rule walks the text more often than that, whatever it holds.
_STRING = r'"(?:[^"\\]|\\.)*"'
_PASSWORD = re.compile(r'"type"\s*:\s*"password"')
_TOKEN = re.compile(
    rf'(?P<value>"value"\s*:\s*){_STRING}|(?P<password>"type"\s*:\s*"password")|{_STRING}|[{{}}]', re.DOTALL
)
# 16 digits after a point are the fraction of a coordinate.
_CARD = re.compile(r"(?<!\d)(?<!\d\.)(?:\d{4}[ -]?){3}(\d{4})(?!\d)", re.ASCII)
_SECRET = re.compile(rf'("(?:password|secret|token|ssn|cvv|cvc|pin)"\s*:\s*){_STRING}', re.IGNORECASE | re.DOTALL)


def mask(text: str) -> str:
    """``text`` (JSON as a rule) without the values of password inputs, then without card numbers but for their last four
    digits, then without the values of keys that name secrets.
    """
    return _SECRET.sub(rf'\1"{MASK}"', _CARD.sub(r"****-****-****-\1", _without_passwords(text)))


def _without_passwords(text: str) -> str:
    """Masks each ``value`` that follows ``"type":"password"`` in the same object, whatever lies nested between the two."""
    first = _PASSWORD.search(text)
    if first is None:
        return text
    kept: list[str] = []
    upto = 0
    # Whether each open object has shown that it is a password input, the innermost last.
    objects = [False]
    for token in _TOKEN.finditer(text, first.start()):
        if token["password"] is not None:
            objects[-1] = True
        elif token["value"] is not None:
            if objects[-1]:
                kept += (text[upto : token.end("value")], f'"{MASK}"')
                upto = token.end()
        elif token[0] == "{":
            objects.append(False)
        elif token[0] == "}":
            objects.pop()
            objects = objects or [False]
    return "".join((*kept, text[upto:]))
