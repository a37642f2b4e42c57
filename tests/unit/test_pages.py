"""Every example of the pages in docs/ runs, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
EXAMPLES = Sybil(parsers=[PythonCodeBlockParser()])


@pytest.mark.unpatched
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = list(EXAMPLES.parse(page))
    assert examples
    for example in examples:
        example.evaluate()
