"""Every example of the pages in docs/ runs, one after the other; links between pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
#: the pages for users, which teach by examples; the others are written by benchmarks
TAUGHT = [page for page in PAGES if page.stem != "interpreters"]
EXAMPLES = Sybil(parsers=[PythonCodeBlockParser()])


@pytest.mark.unpatched
@pytest.mark.parametrize("page", TAUGHT, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = list(EXAMPLES.parse(page))
    assert examples
    for example in examples:
        example.evaluate()


LINKS = [
    (page, link)
    for page in [*PAGES, *sorted(ROOT.glob("*.md"))]
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
]


@pytest.mark.unpatched
@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: str(getattr(value, "name", value)))
def test_a_link_leads_to_a_file(page, link):
    # `make dist` makes links into the repository of them.
    assert (page.parent / link).is_file()
