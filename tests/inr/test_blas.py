"""Slow products of matrices are said, once."""

from __future__ import annotations

import sys

import pruning_amr as pa
import pytest
from pruning_amr.inr import blas


@pytest.fixture
def asked(monkeypatch):
    """Ask as in a new process whose products reach a rate; return the warnings."""

    def ask(rate: float, libraries: list[str]) -> list[str]:
        monkeypatch.setattr(blas, "_said", False)
        monkeypatch.setattr(blas, "blas_libraries", lambda: libraries)
        monkeypatch.setattr(blas, "_slower_rate", lambda: rate)
        monkeypatch.setattr(sys, "platform", "linux")
        heard: list[str] = []
        for _ in range(2):
            blas.say_slow_products(heard.append)
        return heard

    return ask


def test_the_reference_blas_is_named_with_what_to_install(asked):
    (warning,) = asked(2.4e9, [])
    assert isinstance(warning, pa.SlowProductsWarning)
    text = str(warning)
    assert "2.4 billion" in text and "libopenblas0-pthread" in text and text.endswith(".")


@pytest.mark.parametrize("rate, libraries", [(4e10, []), (1e9, ["openblas"])])
def test_a_fast_blas_is_not_mentioned(asked, rate, libraries):
    assert asked(rate, libraries) == []


def test_a_program_that_used_pytorch_before_is_told(asked, monkeypatch):
    monkeypatch.setattr(blas, "mkl_came_first", lambda: True)
    (warning,) = asked(4e10, ["mkl"])
    assert "MKL_CBWR" in str(warning) and str(warning).endswith(".")


def test_the_rate_is_measured():
    assert 1e8 < blas._slower_rate() < 1e13
