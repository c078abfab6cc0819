"""Install requirements into the environment of the Python that runs this.

``python install_requirements.py FILE...``: pip requirement files. Packages that ParaView's Python
brings keep its versions, whatever these are on this release: they are made constraints. Before pip
takes PyTorch's build for GPUs, that is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PARAVIEW_PACKAGES = ("numpy", "scipy", "matplotlib")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def constraints() -> list[str]:
    """Return a line for each package that is there and must stay as it is."""
    lines = []
    for name in PARAVIEW_PACKAGES:
        try:
            lines.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return lines


def gpu_packages(arguments: list[str]) -> list[str]:
    """Return the libraries for GPUs that pip would install."""
    plan = [*PIP, "install", "--quiet", "--dry-run", "--report", "-", *arguments]
    found = subprocess.run(plan, stdout=subprocess.PIPE, check=True)
    packages = json.loads(found.stdout)["install"]
    names = [package["metadata"]["name"].lower() for package in packages]
    return [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]


def main() -> None:
    """Install, within the constraints."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text("\n".join(constraints()) + "\n")
        arguments = [a for requirements in sys.argv[1:] for a in ("-r", requirements)]
        arguments += ["-c", str(file)]
        if gpu_packages(arguments):
            print(
                "PyTorch: pip finds only its build for GPUs and downloads some 3 GB. For the "
                "small one, set PIP_EXTRA_INDEX_URL to the address that pytorch.org gives for CPU.",
                flush=True,
            )
        subprocess.run([*PIP, "install", "--quiet", *arguments], check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        # pip has said why.
        sys.exit(error.returncode)
