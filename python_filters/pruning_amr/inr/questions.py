"""What has to be known about a network and its file does not tell: all of it asked for at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..errors import MetadataError
from .metadata import metadata_path
from .overrides import property_label

_MOST_TEXT = 160
"""Characters of the candidates of one question; lists longer than that are cut in the middle."""


@dataclass(frozen=True)
class Question:
    """A fact that is missing.

    Attributes
    ----------
    key : str
        Metadata key.
    expected : str
        What it can be, in words.
    example : object
        A value, as in the JSON file.
    candidates : tuple
        Values that would fit this file; empty if any may.
    reason : str
        What in the file makes the question necessary, or nothing.
    """

    key: str
    expected: str
    example: Any
    candidates: tuple[Any, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        # What to do stands first: ParaView's message window shows some seventy characters.
        because = f", as {self.reason}" if self.reason else ""
        return (
            f"{_cut(self.expected)}, like {json.dumps({self.key: self.example})} "
            f"(reader: {property_label(self.key)}){because}"
        )


class Questions:
    """Collects what is missing while a network is put together.

    Parameters
    ----------
    path : Path
        The checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[Question] = []

    def ask(
        self,
        key: str,
        expected: str,
        example: Any,
        candidates: Sequence[Any] = (),
        reason: str = "",
    ) -> None:
        """Ask for a key, once."""
        if all(question.key != key for question in self.asked):
            self.asked.append(Question(key, expected, example, tuple(candidates), reason))

    def check(self) -> None:
        """Raise a `MetadataError` that lists what was asked, if anything was."""
        if self.asked:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the `MetadataError`, because nothing can be done without the answers."""
        raise UnansweredError(self.path, self.asked)


class UnansweredError(MetadataError):
    """Facts are missing.

    Attributes
    ----------
    questions : list of Question
    """

    def __init__(self, path: Path, questions: Sequence[Question]) -> None:
        self.questions = list(questions)
        keys = [f'"{q.key}"' for q in questions]
        named = " and ".join(filter(None, [", ".join(keys[:-1]), keys[-1]]))
        one = len(keys) == 1
        asked = [str(q) if one else f'"{q.key}" {q}' for q in questions]
        super().__init__(
            f"{named} {'is' if one else 'are'} missing: {'; '.join(asked)}; {path} does not tell: "
            f"give {'it' if one else 'them'} in {metadata_path(path).name} beside the file or to "
            "the reader."
        )


def _cut(text: str) -> str:
    """Return a long text without its middle."""
    if len(text) <= _MOST_TEXT:
        return text
    half = _MOST_TEXT // 2 - 2
    return f"{text[:half]} … {text[-half:]}"
