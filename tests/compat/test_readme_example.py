"""The example of tests/README.md."""

from __future__ import annotations

import inspect
from pathlib import Path
from uuid import UUID

import pytest

from beside_stock.stories import same_story
from samples.checkpoints import METADATA, checkpoint, config


@pytest.mark.unpatched
def test_a_thread_whose_id_is_a_uuid_is_stored_and_read_as_by_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        story.do("put", lambda: saver.put(config(thread=UUID(int=7)), checkpoint(1, name="é"), METADATA, {}))
        story.do("get", lambda: saver.get_tuple(config(thread=str(UUID(int=7)))))
        story.rows()

    same_story(tell, tmp_path, native=["SqliteSaver.put", "SqliteSaver.get_tuple"])


@pytest.mark.unpatched
def test_the_readme_shows_the_example_that_runs():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert inspect.getsource(test_a_thread_whose_id_is_a_uuid_is_stored_and_read_as_by_stock) in readme
