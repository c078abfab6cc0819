"""ParaView plugin Pruning AMR for ParaView 5.12 and newer: hands over PruningAMR.xml.

ParaView 5.11 cannot load Python plugins on Python 3.11; load PruningAMR.xml there.
"""

import importlib.util
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

paraview_plugin_name = "PruningAMR"

if importlib.util.find_spec("pruning_amr") is None:
    sys.path.insert(0, str(_HERE.parent / "python_filters"))


class _Proxies:
    """Carries the definition of all proxies of the plugin to ParaView."""

    _pvsm_proxy_xml = (_HERE / "PruningAMR.xml").read_text(encoding="utf-8")
