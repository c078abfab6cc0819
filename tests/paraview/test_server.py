"""Only the server needs the plugin and the package: the client has neither."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from harness import (
    Run,
    assert_shows_something,
    bare_program,
    clean_environment,
    error_lines,
    launcher,
    run_script,
)

MISTAKE = "INR Contour: tolerance is 0.0; expected a number above 0."


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Run:
    """A client at work on a server; the text is that of both."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    log = folder / "server.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [launcher("pvserver"), f"--server-port={port}"],
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_it_listens(log, server)
        run = run_script(
            "client",
            folder / "client",
            program=bare_program("pvpython"),
            request={"port": port},
        )
        # The server ends by itself when its client leaves.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    run.text += "\n--- server ---\n" + log.read_text()
    return run


def _wait_until_it_listens(log, server: subprocess.Popen) -> None:
    for _ in range(600):
        if re.search("Accepting connection", log.read_text()):
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    pytest.fail("the server does not listen:\n" + log.read_text())


def test_the_client_has_neither_package_nor_plugin(session):
    assert not session.answer["package_found"]
    assert not session.answer["configured"]
    assert not session.answer["known_before"]


def test_nothing_went_wrong(session):
    assert session.code == 0, session.text
    # Only what was asked for in the end, in one line.
    assert error_lines(session.text) == [MISTAKE], session.text
    assert session.answer["cells_of_mistake"] == 0


@pytest.mark.parametrize("output_type", ["Hyper Tree Grid", "Overlapping AMR", "Unstructured Grid"])
def test_every_output_type_arrives(output_type, session):
    found = session.answer["types"][output_type]
    assert found["class"] == "vtk" + output_type.replace(" ", "")
    assert found["bounds"] == pytest.approx([-1, 1, -1, 1, -1, 1])
    assert 512 < found["cells"] < (10_000 if output_type == "Unstructured Grid" else 5000)
    low, high = found["range"]
    assert low == pytest.approx(0, abs=0.1)
    assert high == pytest.approx(1, abs=0.1)


def test_a_line_is_evaluated(session):
    found = session.answer["line"]
    assert (found["class"], found["points"]) == ("vtkPolyData", 1001)
    assert found["range"][1] > 0.3


def test_a_surface_arrives_and_is_shaded(session):
    found = session.answer["surface"]
    assert found["class"] == "vtkPolyData" and found["cells"] > 1000
    assert set(found["arrays"]) == {"attenuation", "Normals"}
    assert "99.9 % within" in found["summary"]
    assert_shows_something(session.picture("surface"))


def test_what_the_server_knows_reaches_the_panel(session):
    assert "4 -> 256" in session.answer["network"]
    assert "64, from 0 to 1" in session.answer["network"]


def test_the_client_draws(session):
    assert_shows_something(session.picture("remote"))
