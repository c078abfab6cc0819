"""ParaView plugin Pruning AMR for ParaView 5.12 and newer: hands over PruningAMR.xml.

Finds its package by itself, in the folder of packages that it is installed in or in a checkout of
the repository. ParaView's own packages come before those beside this one.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PACKAGES = (
    _HERE.parents[1] if _HERE.parent.name == "pruning_amr" else _HERE.parent / "python_filters"
)

if str(_PACKAGES) not in sys.path:
    sys.path.append(str(_PACKAGES))

from pruning_amr import environment  # noqa: E402

_problem = environment.problem()
if _problem:
    # One red line; raising would bury it in a screen of others.
    from pruning_amr.algorithms.messages import show_error

    show_error("Pruning AMR", _problem)

paraview_plugin_name = "PruningAMR"


class _Proxies:
    """Carries the definition of all proxies of the plugin to ParaView."""

    _pvsm_proxy_xml = (_HERE / "PruningAMR.xml").read_text(encoding="utf-8")
