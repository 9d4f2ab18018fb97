"""What a comment on a stat is made from (contract 1.10): a form or JSON."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from headrace.dialects.answers import Problem
from headrace.dialects.stathat_alerts import fields, text_of


class NewComment(msgspec.Struct):
    """A note on the stat with this ``id``, as of now."""

    id: str
    text: str


class Comment(NamedTuple):
    stat_id: str
    text: str


def read_comment(body: bytes, content_type: bytes) -> Comment:
    """The comment of a body. Raises :class:`Problem` for the first thing wrong; how long a text may be is the note's own rule."""
    sent = fields(body, content_type)
    comment = Comment(text_of(sent, "id"), text_of(sent, "text"))
    if not comment.stat_id:
        raise Problem("id is required")
    if not comment.text:
        raise Problem("text is required")
    return comment
