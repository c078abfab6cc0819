"""What the command line says of itself."""

from __future__ import annotations

import argparse
import re
from collections import defaultdict

import pytest
from pruning_amr.cli_arguments import make_parser

PARSERS = next(
    action.choices
    for action in make_parser(defaultdict(lambda: lambda _: 0))._actions
    if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("command", PARSERS)
def test_every_option_says_what_it_does(command):
    silent = [action.dest for action in PARSERS[command]._actions if not action.help]
    assert not silent


@pytest.mark.parametrize("command", PARSERS)
def test_parameters_go_by_their_flags(command):
    actions = [a for a in PARSERS[command]._actions if not a.dest.startswith("metadata_")]
    names = [action.dest for action in actions if "_" in action.dest]
    text = PARSERS[command].format_all_help()
    assert not [name for name in names if re.search(rf"\b{name}\b", text)]


def test_names_keep_their_capitals():
    assert "ParaView" in PARSERS["paraview-plugin"].description


def test_compare_says_where_a_criterion_ends_and_that_it_takes_time():
    assert "--time-limit" in PARSERS["compare"].epilog
