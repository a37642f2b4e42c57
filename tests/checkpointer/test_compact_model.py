"""The compact layout against a model that is a dict of whole rows: whatever is done to a file, and by whom."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

SERDE = JsonPlusSerializer()
THREADS = ["one", "two", "3"]
NAMESPACES = ["", "sub|task"]
ROWS = (
    "SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints"
)
#: pieces that no row names
UNNEEDED = """
    SELECT count(*) FROM fl_pieces WHERE NOT EXISTS (
        WITH RECURSIVE part(ranges, base, place) AS (
            SELECT ranges, base, 1 FROM fl_checkpoints WHERE ranges IS NOT NULL
            UNION ALL SELECT ranges, base, place + 30 FROM part WHERE place + 30 < length(ranges)
        )
        SELECT 1 FROM part WHERE fl_pieces.id BETWEEN base + CAST(substr(ranges, place + 10, 10) AS INTEGER)
            AND base + CAST(substr(ranges, place + 20, 10) AS INTEGER)
    )
"""

texts = st.integers(0, 60).map(lambda size: "word " * size)
elements = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.builds(HumanMessage, content=texts, id=st.uuids().map(str)),
    st.builds(AIMessage, content=texts, id=st.sampled_from("abc")),
    st.binary(max_size=700),
    st.dictionaries(st.sampled_from("xyz"), texts, max_size=3),
)
edits = st.one_of(
    st.tuples(st.just("append"), st.lists(elements, min_size=1, max_size=4)),
    st.tuples(st.just("paste"), st.integers(0, 9), st.integers(10, 90)),
    st.tuples(st.just("prepend"), st.lists(elements, min_size=1, max_size=2)),
    st.tuples(st.just("replace"), st.integers(0, 30), elements),
    st.tuples(st.just("remove"), st.integers(0, 30)),
    st.tuples(st.just("summarise"), elements),
    st.tuples(st.just("reverse")),
    st.tuples(st.just("nothing")),
)


def edited(elements: list[Any], edit: tuple[Any, ...]) -> list[Any]:
    match edit:
        case "append", more:
            return [*elements, *more]
        case "paste", topic, lines:
            # Much at once.
            return [*elements, *(f"topic {topic}, line {line} " * 25 for line in range(lines))]
        case "prepend", more:
            return [*more, *elements]
        case "replace", index, element if elements:
            return [element if at == index % len(elements) else old for at, old in enumerate(elements)]
        case "remove", index if elements:
            return [old for at, old in enumerate(elements) if at != index % len(elements)]
        case "summarise", element:
            return [element, *elements[-2:]]
        case ("reverse",):
            return elements[::-1]
    return elements


STOCK, PATCHED = 2, 3
writers = st.integers(0, PATCHED)


class Compact(RuleBasedStateMachine):
    checkpoints = Bundle("checkpoints")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "checkpoints.db"
        #: by thread, namespace and id: parent, type, bytes, metadata
        self.rows: dict[tuple[str, str, str], tuple[Any, ...]] = {}
        #: what a checkpoint was made of, for those that continue it
        self.states: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.number = 0
        fast_langgraph.patch()
        self.open()

    def open(self) -> None:
        # Two that do not know of each other, as two processes have them, and stock.
        self.ours = [RustSQLiteCheckpointer(self.path, layout="compact"), RustSQLiteCheckpointer(self.path)]
        self.conn = sqlite3.connect(self.path, timeout=20)
        self.patched_conn = sqlite3.connect(self.path, timeout=20)
        self.savers = [*self.ours, SqliteSaver(self.conn), SqliteSaver(self.patched_conn)]

    def close(self) -> None:
        for ours in self.ours:
            ours.close()
        self.conn.close()
        self.patched_conn.close()

    @contextlib.contextmanager
    def by(self, who: int) -> Iterator[Any]:
        """One of our own two checkpointers, stock's saver, or a patched one."""
        with fast_langgraph.disabled() if who == STOCK else contextlib.nullcontext():
            yield self.savers[who]

    def teardown(self) -> None:
        self.ours[0].convert("compact")
        self.ours[0].vacuum()
        assert self.conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert self.conn.execute(UNNEEDED).fetchone() == (0,)
        self.same_rows()
        for thread in THREADS:
            self.ours[1].delete_thread(thread)
        assert self.conn.execute("SELECT count(*) FROM fl_pieces").fetchone() == (0,)
        assert self.conn.execute("SELECT count(*) FROM fl_threads").fetchone() == (0,)
        self.close()
        fast_langgraph.unpatch()
        shutil.rmtree(self.folder)

    def put(self, who: int, thread: str, namespace: str, parent: str | None, state: dict[str, Any]) -> Any:
        self.number += 1
        checkpoint = {**empty_checkpoint(), "id": f"{self.number:08}", "channel_values": state}
        place = {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": parent}}
        metadata = {"step": self.number, "parents": {}}
        with self.by(who) as saver:
            saver.put(place, checkpoint, metadata, {})
        key = thread, namespace, checkpoint["id"]
        self.rows[key] = (
            parent,
            *SERDE.dumps_typed(checkpoint),
            f'{{"step": {self.number}, "parents": {{}}}}'.encode(),
        )
        self.states[key] = state
        return key

    @initialize(target=checkpoints, elements=st.lists(elements, max_size=10))
    def begin(self, elements: list[Any]) -> Any:
        return self.put(0, THREADS[0], "", None, {"messages": elements})

    @rule(
        target=checkpoints,
        who=writers,
        thread=st.sampled_from(THREADS),
        namespace=st.sampled_from(NAMESPACES),
        messages=st.lists(elements, max_size=10),
        other=st.one_of(st.binary(max_size=1000), st.lists(st.integers(0, 2**40), max_size=500), texts),
    )
    def first(self, who: int, thread: str, namespace: str, messages: list[Any], other: Any) -> Any:
        return self.put(who, thread, namespace, None, {"messages": messages, "other": other})

    @rule(
        target=checkpoints,
        who=writers,
        parent=checkpoints,
        edit=edits,
        files=st.dictionaries(st.sampled_from(["a.py", "b.py"]), st.one_of(texts, st.lists(elements)), max_size=2),
    )
    def following(self, who: int, parent: Any, edit: Any, files: dict[str, Any]) -> Any:
        """Of any checkpoint: the latest, or an older one that a branch begins at, or one that is gone."""
        before = self.states[parent]
        state = {**before, "messages": edited(before["messages"], edit)}
        if files:
            state["files"] = {**before.get("files", {}), **files}
        return self.put(who, *parent, state)

    @rule(target=checkpoints, who=writers, parent=checkpoints, edit=edits)
    def in_a_sub_graph(self, who: int, parent: Any, edit: Any) -> Any:
        messages = edited(self.states[parent]["messages"], edit)
        return self.put(who, parent[0], NAMESPACES[1], None, {"messages": messages})

    @rule(who=writers, checkpoint=checkpoints)
    def again(self, who: int, checkpoint: Any) -> None:
        """One that is there already is replaced."""
        if checkpoint in self.rows:
            _, _, encoded, _ = self.rows[checkpoint]
            stored = {**SERDE.loads_typed(("msgpack", encoded)), "ts": "another"}
            place = {"configurable": dict(zip(("thread_id", "checkpoint_ns"), checkpoint, strict=False))}
            with self.by(who) as saver:
                saver.put(place, stored, {}, {})
            self.rows[checkpoint] = (None, *SERDE.dumps_typed(stored), b"{}")

    def forget(self, gone: Any) -> None:
        self.rows = {key: row for key, row in self.rows.items() if not gone(key)}

    @rule(who=writers, thread=st.sampled_from(THREADS))
    def delete_thread(self, who: int, thread: str) -> None:
        with self.by(who) as saver:
            saver.delete_thread(thread)
        self.forget(lambda key: key[0] == thread)

    @rule(who=st.integers(0, 1), thread=st.sampled_from(THREADS), keep=st.integers(1, 3))
    def prune(self, who: int, thread: str, keep: int) -> None:
        self.ours[who].prune([thread], keep_last=keep)
        for namespace in NAMESPACES:
            ids = sorted(key[2] for key in self.rows if key[:2] == (thread, namespace))
            self.forget(lambda key, ns=namespace, gone=ids[:-keep]: key[:2] == (thread, ns) and key[2] in gone)

    @rule(below=st.integers(0, 30))
    def clean_up(self, below: int) -> None:
        """As an app's own script does."""
        bound = f"{self.number - below:08}"
        with self.conn:
            self.conn.execute("DELETE FROM checkpoints WHERE checkpoint_id < ?", (bound,))
        self.forget(lambda key: key[2] < bound)

    @rule(checkpoint=checkpoints)
    def update(self, checkpoint: Any) -> None:
        with self.conn:
            where = "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
            self.conn.execute(f"UPDATE checkpoints SET metadata = x'7b7d' {where}", checkpoint)
        if checkpoint in self.rows:
            self.rows[checkpoint] = (*self.rows[checkpoint][:3], b"{}")

    @rule(target=checkpoints, source=st.sampled_from(THREADS), copy=st.sampled_from(THREADS), who=st.integers(0, 1))
    def copy_thread(self, source: str, copy: str, who: int) -> Any:
        if any(key[0] == copy for key in self.rows):
            with pytest.raises(sqlite3.IntegrityError):
                self.ours[who].copy_thread(source, copy)
            return multiple()
        self.ours[who].copy_thread(source, copy)
        copied = [(copy, *key[1:]) for key in self.rows if key[0] == source]
        for key in copied:
            self.rows[key] = self.rows[(source, *key[1:])]
            self.states[key] = self.states[(source, *key[1:])]
        return multiple(*copied)

    @rule(who=st.integers(0, 1), layout=st.sampled_from(["standard", "compact"]))
    def convert(self, who: int, layout: str) -> None:
        self.ours[who].convert(layout)

    @rule(who=st.integers(0, 1), steps=st.integers(1, 2), layout=st.sampled_from(["standard", "compact"]))
    def convert_in_part(self, who: int, steps: int, layout: str) -> None:
        """As one that is killed."""
        from fast_langgraph._native import Request

        start = 0
        for _ in range(steps):
            tally = self.ours[who]._engine.run(Request.convert(layout, start))
            start = tally[3] if tally else 0
            if not start:
                break

    @rule(who=st.integers(0, 1))
    def vacuum(self, who: int) -> None:
        self.ours[who].vacuum()

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()

    @invariant()
    def same_rows(self) -> None:
        found = {tuple(row[:3]): tuple(row[3:]) for row in self.conn.execute(ROWS)}
        assert found == self.rows

    @rule(who=st.sampled_from([0, 1, PATCHED]), checkpoint=checkpoints)
    def read(self, who: int, checkpoint: Any) -> None:
        thread, namespace, checkpoint_id = checkpoint
        place = {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
        found = self.savers[who].get_tuple({"configurable": place})
        if checkpoint not in self.rows:
            assert found is None
        else:
            _parent, *encoded, _ = self.rows[checkpoint]
            assert found.checkpoint == SERDE.loads_typed(tuple(encoded))
            listed = {
                each.config["configurable"]["checkpoint_id"] for each in self.savers[who].list({"configurable": place})
            }
            assert listed == {checkpoint_id}


TestCompact = Compact.TestCase
TestCompact.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def restored_by_another_process(copy: Path, path: Path) -> None:
    script = "import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b); a.close(); b.close()"
    subprocess.run([sys.executable, "-c", script, copy, path], check=True)


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_a_run_goes_on_over_a_backup_that_another_process_copied_into_the_file(layout, tmp_path):
    """Pieces that were stored since are gone, and others get their numbers."""
    path, copy = tmp_path / "checkpoints.db", tmp_path / "backup.db"
    said: list[str] = []
    parent = None

    def turn(saver: RustSQLiteCheckpointer) -> None:
        nonlocal parent
        said.append(f"{len(said):04}" + "m" * 200)
        checkpoint = {**empty_checkpoint(), "id": f"{len(said):08}", "channel_values": {"messages": list(said)}}
        place = {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": parent}
        parent = saver.put({"configurable": place}, checkpoint, {}, {})["configurable"]["checkpoint_id"]

    with RustSQLiteCheckpointer(path, layout=layout) as saver:
        for _ in range(5):
            turn(saver)
        saver.backup(copy)
        for _ in range(4):
            turn(saver)
        restored_by_another_process(copy, path)
        for _ in range(6):
            turn(saver)
            with RustSQLiteCheckpointer(path) as other:
                for each in (saver, other):
                    found = each.get_tuple({"configurable": {"thread_id": "1"}})
                    assert found.checkpoint["channel_values"] == {"messages": said}
        assert len(list(saver.list(None))) == 5 + 6


def test_what_is_in_memory_is_not_read_where_a_backup_has_taken_its_place(tmp_path):
    """Under the same id, and in pieces of the same numbers and length, there is another message."""
    path, copy = tmp_path / "checkpoints.db", tmp_path / "backup.db"

    def put(saver: RustSQLiteCheckpointer, n: int, last: str) -> None:
        messages = [*(f"{at:04}" + "m" * 200 for at in range(n)), last * 204]
        checkpoint = {**empty_checkpoint(), "id": f"{n:08}", "channel_values": {"messages": messages}}
        place = {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": None}
        saver.put({"configurable": place}, checkpoint, {}, {})

    with RustSQLiteCheckpointer(path, layout="compact") as saver:
        put(saver, 1, "a")
        saver.backup(copy)
        put(saver, 2, "b")
        config = {"configurable": {"thread_id": "1"}}
        assert saver.get_tuple(config).checkpoint["channel_values"]["messages"][-1] == "b" * 204
        restored_by_another_process(copy, path)
        with RustSQLiteCheckpointer(path) as other:
            put(other, 2, "c")
        assert saver.get_tuple(config).checkpoint["channel_values"]["messages"][-1] == "c" * 204
        assert next(saver.list(None)).checkpoint["channel_values"]["messages"][-1] == "c" * 204


@pytest.mark.parametrize("removed", [False, True], ids=["replaced", "removed and put again"])
def test_what_is_in_memory_is_not_read_where_another_process_has_put_it_anew(removed, tmp_path):
    path = tmp_path / "checkpoints.db"
    place = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}

    def put(saver: RustSQLiteCheckpointer, last: str) -> None:
        checkpoint = {**empty_checkpoint(), "id": "1", "channel_values": {"messages": ["m" * 200, last * 200]}}
        saver.put(place, checkpoint, {}, {})

    with RustSQLiteCheckpointer(path, layout="compact") as saver, RustSQLiteCheckpointer(path) as other:
        put(saver, "a")
        if removed:
            other.delete_thread("1")
        put(other, "b")
        assert saver.get_tuple(place).checkpoint["channel_values"]["messages"][1] == "b" * 200
        assert other.get_tuple(place).checkpoint["channel_values"]["messages"][1] == "b" * 200


def test_what_is_in_memory_is_the_row_s_own_thread_s(tmp_path):
    """A copy has the same ids, and pieces of the same numbers."""
    with RustSQLiteCheckpointer(tmp_path / "checkpoints.db", layout="compact") as saver:
        for thread in ("1", "2"):
            checkpoint = {**empty_checkpoint(), "id": "1", "channel_values": {"messages": [thread * 200]}}
            saver.put({"configurable": {"thread_id": thread, "checkpoint_ns": ""}}, checkpoint, {}, {})
        saver.copy_thread("1", "3")
        for thread, said in (("1", "1"), ("2", "2"), ("3", "1")):
            found = saver.get_tuple({"configurable": {"thread_id": thread}})
            assert found.checkpoint["channel_values"]["messages"] == [said * 200]


@pytest.mark.parametrize("where", ["at the end", "in front"])
def test_a_thread_whose_numbers_are_used_up_is_stored_all_the_same(where, tmp_path):
    path = tmp_path / "checkpoints.db"
    count = (1 << 27) - 1
    messages = [f"message {at} " * 20 for at in range(3)]
    with RustSQLiteCheckpointer(path, layout="compact") as saver:
        for n in range(4):
            if n:
                messages.insert(3 + n if where == "at the end" else 0, f"more {n} " * 20)
            checkpoint = {**empty_checkpoint(), "id": f"{n:08}", "channel_values": {"messages": list(messages)}}
            saver.put({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}, checkpoint, {}, {})
            if n == 1:
                with sqlite3.connect(path) as conn:
                    (last,) = conn.execute("SELECT max(id) FROM fl_pieces").fetchone()
                    used_up = last | count if where == "at the end" else (last & ~count) + 1
                    conn.execute("INSERT INTO fl_pieces VALUES (?, x'00')", (used_up,))
                conn.close()
        lengths = [len(found.checkpoint["channel_values"]["messages"]) for found in saver.list(None)]
        with sqlite3.connect(path) as conn:
            whole = [row for (row,) in conn.execute("SELECT ranges IS NULL FROM fl_checkpoints ORDER BY checkpoint_id")]
        conn.close()
    assert lengths == [6, 5, 4, 3]
    # In front is no room, and all is stored once more.
    assert whole == ([0, 0, 1, 1] if where == "at the end" else [0, 0, 0, 0])


@pytest.mark.parametrize("name", ["ranges", "BASE", "size"])
def test_columns_of_the_app_s_own_with_names_of_ours_are_not_taken_for_ours(name, tmp_path):
    path = tmp_path / "checkpoints.db"
    place = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
    with RustSQLiteCheckpointer(path) as saver:
        saver.put(place, {**empty_checkpoint(), "channel_values": {"messages": ["a" * 300] * 3}}, {}, {})
    with sqlite3.connect(path) as conn:
        conn.execute(f"ALTER TABLE checkpoints ADD COLUMN {name}")
        conn.execute(f"UPDATE checkpoints SET {name} = 'mine'")
    conn.close()
    with RustSQLiteCheckpointer(path) as saver:
        with pytest.raises(sqlite3.OperationalError, match=f"column {name.lower()} of its own"):
            saver.convert("compact")
        assert saver.stats().layout == "standard"
        assert saver.get_tuple(place) is not None
    conn = sqlite3.connect(path)
    assert conn.execute(f"SELECT {name} FROM checkpoints").fetchall() == [("mine",)]
    conn.close()


@pytest.mark.parametrize("number_is_taken", [False, True])
def test_a_piece_that_another_process_removed_is_stored_again(number_is_taken, tmp_path):
    """What is remembered of a thread's pieces is worth nothing once somebody has removed some."""
    path = tmp_path / "checkpoints.db"

    def put(saver: RustSQLiteCheckpointer, number: int, parent: int | None, last: str) -> None:
        messages = [*(f"message {n} " * 20 for n in range(5)), last * 500]
        checkpoint = {**empty_checkpoint(), "id": f"{number:08}", "channel_values": {"messages": messages}}
        place = {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": parent and f"{parent:08}"}
        saver.put({"configurable": place}, checkpoint, {"run_id": f"run {number}"}, {})

    def last_of(saver: Any, number: int) -> str:
        place = {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": f"{number:08}"}
        return saver.get_tuple({"configurable": place}).checkpoint["channel_values"]["messages"][-1]

    with RustSQLiteCheckpointer(path, layout="compact") as one, RustSQLiteCheckpointer(path) as other:
        put(one, 1, None, "a")
        put(one, 2, 1, "b")
        other.delete_for_runs(["run 2"])
        if number_is_taken:
            put(other, 3, 1, "c")
        put(one, 4, 2, "b")
        conn = sqlite3.connect(path)
        for saver in (one, other, SqliteSaver(conn)):
            assert last_of(saver, 1) == "a" * 500
            assert last_of(saver, 4) == "b" * 500
            assert not number_is_taken or last_of(saver, 3) == "c" * 500
        conn.close()
