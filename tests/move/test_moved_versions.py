"""PostgreSQL has one value for each version of a channel: what happens to checkpoints that have another one."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from apps.moved import answers, differing, marks_in, rows_of, saver_of
from fast_langgraph import MoveRefusedError, move


def put(saver: Any, n: int, values: dict[str, Any], versions: dict[str, Any], **fields: Any) -> None:
    at = {"thread_id": "t", "checkpoint_ns": "", **({"checkpoint_id": f"id{n - 1}"} if n else {})}
    checkpoint = {**empty_checkpoint(), "id": f"id{n}", "channel_values": values, "channel_versions": versions}
    saver.put({"configurable": at}, {**checkpoint, **fields}, {"step": n}, versions)


def there_and_back(sqlite, postgres, tmp_path) -> Any:
    """Returns what PostgresSaver returns."""
    with saver_of(sqlite) as saver:
        expected = answers(saver)
    report = move(sqlite, postgres)
    assert report.is_equal
    with saver_of(postgres) as saver:
        found = answers(saver)
    assert differing(expected, found) == []
    assert report.marked_versions == len(marks_in(found))
    back = tmp_path / "back.db"
    assert move(postgres, back).is_equal
    with saver_of(back) as saver:
        again = answers(saver)
    assert differing(expected, again) == []
    assert marks_in(again) == []
    assert len(rows_of(back)["checkpoints"]) == len(expected)
    return found


def marked(found: Any) -> list[str]:
    return [f"{key[2]} {channel}" for key, channel in marks_in(found)]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param({"a": [1]}, [], id="the same"),
        pytest.param({"a": [2]}, ["id1 a"], id="another value"),
        pytest.param({}, ["id1 a"], id="no value"),
        pytest.param({"a": None}, ["id1 a"], id="a primitive"),
        pytest.param({"a": float("nan")}, ["id1 a"], id="what JSON has not"),
    ],
)
def test_a_checkpoint_with_another_value_of_a_version_gets_a_version_of_its_own(
    second, expected, sqlite, postgres, tmp_path
):
    with saver_of(sqlite) as saver:
        put(saver, 0, {"a": [1]}, {"a": "1.5"})
        put(saver, 1, second, {"a": "1.5"}, versions_seen={"node": {"a": "1.5", "b": "1.5"}, "other": {}})
        put(saver, 2, {"a": [1]}, {"a": "1.5"})
        put(saver, 3, second, {"a": "1.5"})
    found = there_and_back(sqlite, postgres, tmp_path)
    assert marked(found) == expected + [each.replace("id1", "id3") for each in expected]
    checkpoint = found["t", "", "id1"].checkpoint
    # So the node has still seen it, and does not run again.
    assert checkpoint["versions_seen"]["node"] == {"a": checkpoint["channel_versions"]["a"], "b": "1.5"}


@pytest.mark.parametrize("first", [{}, {"a": 5}], ids=["no value", "a primitive"])
def test_the_first_keeps_the_version_whatever_it_has(first, sqlite, postgres, tmp_path):
    with saver_of(sqlite) as saver:
        put(saver, 0, first, {"a": "1.5"})
        put(saver, 1, {"a": [1]}, {"a": "1.5"})
        put(saver, 2, {"a": [2]}, {"a": "1.5"})
        put(saver, 3, first, {"a": "1.5"})
    assert marked(there_and_back(sqlite, postgres, tmp_path)) == ["id1 a", "id2 a"]


def test_primitives_lie_in_the_checkpoint_itself_and_need_no_version_of_their_own(sqlite, postgres, tmp_path):
    with saver_of(sqlite) as saver:
        for n, value in enumerate([1, "1", None, True, 1.5]):
            put(saver, n, {"a": value}, {"a": "1.5"})
        put(saver, 5, {}, {"a": "1.5"})
    assert marked(there_and_back(sqlite, postgres, tmp_path)) == []


def test_a_number_as_version_can_t_be_marked_and_is_refused_by_name(sqlite, postgres):
    with saver_of(sqlite) as saver:
        put(saver, 0, {"a": [1]}, {"a": 7})
        put(saver, 1, {"a": [2]}, {"a": 7})
    with pytest.raises(MoveRefusedError, match=r"thread 't': checkpoint 'id1' has of channel 'a' another value .* 7;"):
        move(sqlite, postgres)


def test_a_version_that_looks_marked_is_refused_by_name(sqlite, postgres):
    with saver_of(sqlite) as saver:
        put(saver, 0, {"a": [1]}, {"a": "1~0123456789ab"})
    with pytest.raises(MoveRefusedError, match="checkpoint 'id0' has a version of channel 'a' that ends like a mark"):
        move(sqlite, postgres)


def test_a_move_that_is_done_again_marks_the_same(sqlite, postgres):
    with saver_of(sqlite) as saver:
        put(saver, 0, {}, {"a": "1.5"})
        put(saver, 1, {"a": [1]}, {"a": "1.5"})
    assert move(sqlite, postgres).moved_checkpoints == 2
    with saver_of(sqlite) as saver:
        put(saver, 2, {"a": [2]}, {"a": "1.5"})
        put(saver, 3, {"a": [1]}, {"a": "1.5"})
    report = move(sqlite, postgres)
    assert report.is_equal
    assert report.moved_checkpoints == 2
    with saver_of(sqlite) as one, saver_of(postgres) as other:
        assert differing(answers(one), answers(other)) == []
        assert marked(answers(other)) == ["id1 a", "id2 a", "id3 a"]
