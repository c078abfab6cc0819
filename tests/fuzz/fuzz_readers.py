"""Feeds mutated files to one reader of checkpoints and stops at anything but its own sentences.

    python tests/fuzz/fuzz_readers.py zip CORPUS -max_total_time=600

The first argument is a reader (zip, pickle, legacy, torchscript, npz, safetensors, or file for
whole files of any kind), the second a folder of files to begin with, which `seeds.py` writes; the
others are libFuzzer's. It needs the package atheris, and numpy only of what the package depends on.

An archive is not mutated as a whole, as its checksums would reject nearly all of it: the bytes are
the members of one, each with its length in front, and are packed here. Readers may refuse with a
`CheckpointError`, in one line, within a few seconds and 2 GB (libFuzzer's -rss_limit_mb). Whatever
they open has to be plain content.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

PACKAGE = Path(__file__).parents[2] / "python_filters" / "pruning_amr"
# The readers alone: the package as a whole imports what they do not need.
_module = types.ModuleType("pruning_amr")
_module.__path__ = [str(PACKAGE)]
sys.modules["pruning_amr"] = _module

sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(include=["pruning_amr", "pickletools", "zipfile"]):
    from _helpers.fuzzed import feed


def main() -> None:
    """Run the fuzzer."""
    reader = sys.argv.pop(1)
    count = {True: 0, False: 0}
    folder = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    path = Path(folder.name) / "file"

    def one(data: bytes) -> None:
        count[feed(reader, path, data)] += 1
        if sum(count.values()) % 50_000 == 0:
            print(f"{reader}: {count[True]} opened, {count[False]} refused", file=sys.stderr)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
