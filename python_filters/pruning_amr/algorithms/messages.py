"""What is shown in ParaView's message window; needs nothing but VTK."""

from __future__ import annotations

from vtkmodules.vtkCommonCore import vtkOutputWindow


def show_error(source: str, error: Exception | str) -> None:
    """Show one red line in the message window; raising would surround it with a traceback."""
    vtkOutputWindow.GetInstance().DisplayErrorText(f"{source}: {error}\n")


def show_warning(source: str, warning: Warning | str) -> None:
    """Show one line in the message window."""
    vtkOutputWindow.GetInstance().DisplayWarningText(f"{source}: {warning}\n")
