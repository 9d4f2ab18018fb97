"""Hypothesis strategies for request bodies: well-formed, nearly so, and not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

#: Any code points, lone surrogates and NUL among them.
text = st.text(st.characters(exclude_categories=()), max_size=30)
finite = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 10**30, 2**63, -0.0, 1e308, 5e-324, 0.1, 1e11, 1e11 + 1])
)
scalars = st.none() | st.booleans() | numbers | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)


def document(
    needed: Mapping[str, SearchStrategy[object]], optional: Mapping[str, SearchStrategy[object]]
) -> SearchStrategy[dict[str, object]]:
    """Objects with fields that are as they should be (four times in five), or any of them missing, wrong or unknown."""
    good = st.fixed_dictionaries(dict(needed), optional=dict(optional))
    odd = {name: strategy | values for name, strategy in {**needed, **optional}.items()}
    wild = st.builds(
        lambda extra, known: extra | known,
        st.dictionaries(text, values, max_size=2),
        st.fixed_dictionaries({}, optional=odd),
    )
    return weighted((4, good), (1, wild))


def weighted(*parts: tuple[int, SearchStrategy]) -> SearchStrategy:
    """``one_of`` with weights (its own are equal, however often a part is repeated)."""
    return st.sampled_from([part for weight, part in parts for _ in range(weight)]).flatmap(lambda part: part)


@st.composite
def encoded(draw: st.DrawFn, document: SearchStrategy[object]) -> bytes:
    """``document`` as some sender would write it, at times damaged on the way."""
    ascii_only = draw(st.booleans())
    body = json.dumps(draw(document), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["whole"] * 9 + ["bom", "cut", "spliced"])):
        case "bom":
            return b"\xef\xbb\xbf" + body
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "spliced":
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.binary(max_size=4)) + body[at + draw(st.integers(0, 4)) :]
    return body


def bodies(document: SearchStrategy[object]) -> SearchStrategy[bytes]:
    """What a parser may be handed."""
    return weighted((8, encoded(document)), (1, encoded(values)), (1, st.binary(max_size=60)))
