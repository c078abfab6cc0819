"""What has to be known about a network and its file does not tell: all of it asked for at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..errors import MetadataError
from .metadata import metadata_path
from .overrides import property_label

_MOST_TEXT = (160, 120, 80, 60, 40, 20)
"""Characters of the candidates of one question: what is longer is cut in the middle, the more of it
the longer the sentence is that lists all questions."""

_MOST_SENTENCE = 990


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
        return self.text(_MOST_TEXT[0])

    def text(self, most: int) -> str:
        """Return the question, what it lists cut to some characters.

        What to do stands first: ParaView's message window shows some seventy characters.
        """
        because = f", as {_cut(self.reason, most)}" if self.reason else ""
        return (
            f"{_cut(self.expected, most)}, like {json.dumps({self.key: self.example})} "
            f"(reader: {property_label(self.key)}){because}"
        )

    def brief(self) -> str:
        """Return the question with nothing but an example."""
        return f"{json.dumps({self.key: self.example})} (reader: {property_label(self.key)})"


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
        if not self.has(key):
            self.asked.append(Question(key, expected, example, tuple(candidates), reason))

    def has(self, key: str) -> bool:
        """Tell whether a key was asked for."""
        return any(question.key == key for question in self.asked)

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
        end = (
            f"; {path} does not tell: give {'it' if one else 'them'} in "
            f"{metadata_path(path).name} beside the file or to the reader."
        )

        def sentence(words: Callable[[Question], str]) -> str:
            asked = [words(q) if one else f'"{q.key}" {words(q)}' for q in questions]
            return f"{named} {'is' if one else 'are'} missing: {'; '.join(asked)}{end}"

        sentences = [sentence(lambda q, n=n: q.text(n)) for n in _MOST_TEXT]
        short = (s for s in sentences if len(s) <= _MOST_SENTENCE)
        super().__init__(next(short, sentence(Question.brief)))


def _cut(text: str, most: int) -> str:
    """Return a long text without its middle."""
    if len(text) <= most:
        return text
    half = most // 2 - 2
    return f"{text[:half]} … {text[-half:]}"
