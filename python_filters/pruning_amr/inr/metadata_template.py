"""The JSON file beside a checkpoint, to fill in: complete where the checkpoint tells all."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import MetadataError, ParameterError
from ..files.limits import DEFAULT_CHECKPOINT_MB
from .facts import facts_about
from .metadata import Metadata, metadata_path, parse_json_object, read_metadata
from .network import open_network
from .questions import Question, UnansweredError

_NOT_TOLD = {
    "bounds": "[min, max] of each input, in the units the network was trained in",
}


def metadata_template(
    path: Path, metadata: dict[str, Any], checkpoint_mb: float = DEFAULT_CHECKPOINT_MB
) -> tuple[dict[str, Any], list[str]]:
    """Return what the JSON file of a checkpoint should hold, and the keys still to fill in.

    What is there already, and what `metadata` say, is kept. Keys to fill in are null; what they
    can be stands under "expected".

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read.
    MetadataError
        If what is known already is wrong.
    """
    known = _present(path)
    stated = read_metadata(path, metadata)
    values = {**known, **{k: v for k, v in metadata.items() if v is not None}}
    values.pop("expected", None)
    try:
        stored = open_network(path, stated, checkpoint_mb)
        facts = facts_about(stored.metadata, stored.n_inputs, stored.n_outputs)
    except UnansweredError as error:
        return _with_questions(values, error.questions)
    values.setdefault("inputs", [n.removesuffix("_as_space") for n in facts.inputs])
    if stated.outputs is None:
        values["outputs"] = [
            {"name": o.name, "components": list(o.components)} for o in facts.outputs
        ]
    if facts.bounds is None:
        example = [[-1, 1]] * len(facts.inputs)
        return _with_questions(values, [Question("bounds", _NOT_TOLD["bounds"], example)])
    return values, []


def write_metadata_template(
    path: Path,
    metadata: dict[str, Any],
    checkpoint_mb: float = DEFAULT_CHECKPOINT_MB,
    replace: bool = True,
) -> tuple[Path, list[str]]:
    """Write the JSON file beside a checkpoint; return it and the keys still to fill in.

    Parameters
    ----------
    path : Path
        The checkpoint.
    metadata : dict
        What is known besides the checkpoint and the JSON file.
    checkpoint_mb : float
        Largest size of everything the checkpoint holds, in MiB.
    replace : bool
        Whether what the JSON file says now may be replaced by what `metadata` say.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read.
    MetadataError
        If what is known already is wrong, or may not be replaced.
    ParameterError
        If the file cannot be written.
    """
    target = metadata_path(path)
    values, missing = metadata_template(path, metadata, checkpoint_mb)
    if not replace:
        _check_agreement(_present(path), values, target)
    try:
        target.write_text(_text(values), encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"{target} cannot be written: {error.strerror}.") from error
    return target, missing


def _check_agreement(present: dict[str, Any], values: dict[str, Any], target: Path) -> None:
    """Check that nothing the file says would be said otherwise."""
    for key, value in present.items():
        if value is not None and key != "expected" and value != values.get(key):
            raise MetadataError(
                f"{target} says {json.dumps({key: value})}, the properties "
                f"{json.dumps({key: values.get(key)})}; nothing is written: change the property, "
                "or edit, rename or delete the file."
            )


def _present(path: Path) -> dict[str, Any]:
    """Return what the JSON file holds now; nothing in it is to be lost."""
    target = metadata_path(path)
    if not target.is_file():
        return {}
    try:
        return parse_json_object(target.read_text(encoding="utf-8"), str(target))
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"the metadata file {target} cannot be read: {error}.") from error


def _with_questions(
    values: dict[str, Any], questions: list[Question]
) -> tuple[dict[str, Any], list[str]]:
    missing = [q.key for q in questions]
    expected = {q.key: f"{q.expected}; like {json.dumps(q.example)}" for q in questions}
    # In the order in which keys are documented, those to fill in first.
    order = [f.name for f in fields(Metadata) if f.name in missing]
    nulls = dict.fromkeys(order)
    return {**nulls, **{k: v for k, v in values.items() if v is not None}, "expected": expected}, [
        *order
    ]


def _text(values: dict[str, Any]) -> str:
    """Return JSON with one key on a line."""
    lines = []
    for key, value in values.items():
        if key == "expected":
            inner = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            lines.append(f'  "expected": {inner}')
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
