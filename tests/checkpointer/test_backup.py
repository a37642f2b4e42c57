"""backup(): the copy is the database, or the refusal names the file that is in the way."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from fast_langgraph import RustSQLiteCheckpointer

METADATA = {"source": "loop", "step": 1, "parents": {}}


def config(thread: str = "t") -> dict:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def checkpoint(number: int, text: str) -> dict:
    return {
        "v": 4,
        "ts": "",
        "id": f"{number:08}",
        "channel_values": {"messages": f"{text}{number}" * 100},
        "channel_versions": {},
        "versions_seen": {},
    }


def filled(path: Path | str, thread: str, checkpoints: int, **options: object) -> RustSQLiteCheckpointer:
    saver = RustSQLiteCheckpointer(path, **options)
    for number in range(checkpoints):
        saver.put(config(thread), checkpoint(number, thread), METADATA, {})
    return saver


def rows(path: Path) -> list:
    """What another process finds, with SQLite alone."""
    script = """
import sqlite3, sys
found = sqlite3.connect(sys.argv[1])
print(found.execute("PRAGMA integrity_check").fetchall())
print(found.execute("SELECT thread_id, checkpoint_id, hex(checkpoint) FROM checkpoints ORDER BY 1, 2").fetchall())
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    integrity, found = map(eval, done.stdout.splitlines())
    assert integrity == [("ok",)]
    return found


def leave_a_log(path: Path) -> None:
    """Of a process that was killed; the owner has then deleted the database alone."""
    child = os.fork()
    if child == 0:
        saver = filled(path, "old", 30)
        os.kill(os.getpid(), signal.SIGKILL)
        print(saver)  # not reached
    os.waitpid(child, 0)
    path.unlink()


def leave_a_journal(path: Path) -> None:
    """Of a transaction that was under way when its process was killed."""
    with closing(filled(path, "old", 30)):
        pass
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode = DELETE")
        conn.execute("PRAGMA cache_size = 2")
        conn.execute("UPDATE checkpoints SET checkpoint = randomblob(30000)")
        shutil.copy(f"{path}-journal", f"{path}-kept")
        conn.rollback()
    os.rename(f"{path}-kept", f"{path}-journal")
    path.unlink()


@pytest.mark.parametrize("layout", ["standard", "compact"])
@pytest.mark.parametrize("leave", [leave_a_log, leave_a_journal])
def test_a_log_or_journal_that_is_left_of_another_database_is_named_and_kept(leave, layout, tmp_path):
    target = tmp_path / "backup.db"
    leave(target)
    left = {each: each.read_bytes() for each in tmp_path.iterdir()}
    assert left
    with filled(tmp_path / "new.db", "new", 200, layout=layout) as saver:
        with pytest.raises(sqlite3.OperationalError, match=r"backup\.db-(wal|journal) is left from another database"):
            saver.backup(target)
        assert {each: each.read_bytes() for each in tmp_path.iterdir() if each.name.startswith("backup")} == left
        for each in left:
            each.unlink()
        saver.backup(target)
        assert rows(target) == rows(Path(saver.path))


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_files_beside_the_unfinished_copy_of_a_backup_that_was_killed_are_in_nobody_s_way(suffix, tmp_path):
    leave_a_log(tmp_path / "old.db")
    target = tmp_path / "backup.db"
    shutil.copy(tmp_path / "old.db-wal", f"{target}.partial{suffix}")
    (tmp_path / "backup.db.partial").write_bytes(b"half a copy" * 1000)
    with filled(tmp_path / "new.db", "new", 20) as saver:
        saver.backup(target)
        assert rows(target) == rows(Path(saver.path))
    assert sorted(each.name for each in tmp_path.iterdir() if "backup" in each.name) == ["backup.db"]


def test_a_backup_that_was_killed_at_its_very_end_does_not_take_the_copy_away_that_has_been_moved(tmp_path):
    with filled(tmp_path / "new.db", "new", 20) as saver:
        saver.backup(tmp_path / "backup.db")
        # Killed between giving the copy its name and taking the other one away.
        os.link(tmp_path / "backup.db", tmp_path / "backup.db.partial")
        os.rename(tmp_path / "backup.db", tmp_path / "archive.db")
        before = rows(tmp_path / "archive.db")
        saver.put(config("new"), checkpoint(99, "new"), METADATA, {})
        saver.backup(tmp_path / "backup.db")
        assert rows(tmp_path / "archive.db") == before
        assert len(rows(tmp_path / "backup.db")) == len(before) + 1


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_of_backups_to_one_name_at_a_time_one_is_whole_and_the_others_are_refused(where, tmp_path):
    path, target = tmp_path / "new.db", tmp_path / "backup.db"
    outcomes: list[str] = []
    with filled(path, "new", 300) as saver:
        if where == "threads":
            barrier = threading.Barrier(4)

            def work() -> None:
                barrier.wait()
                try:
                    saver.backup(target)
                    outcomes.append("done")
                except sqlite3.OperationalError as error:
                    outcomes.append(str(error))

            threads = [threading.Thread(target=work) for _ in range(4)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
        else:
            script = """
import sqlite3, sys
from fast_langgraph import RustSQLiteCheckpointer
saver = RustSQLiteCheckpointer(sys.argv[1])
saver.setup()
input()
try:
    saver.backup(sys.argv[2])
    print("done")
except sqlite3.OperationalError as error:
    print(error)
"""
            children = [
                subprocess.Popen(
                    [sys.executable, "-c", script, path, target],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for _ in range(4)
            ]
            for child in children:
                child.stdin.write("\n")
                child.stdin.flush()
            outcomes = [child.communicate()[0].strip() for child in children]
        assert outcomes.count("done") == 1, outcomes
        for outcome in outcomes:
            assert outcome == "done" or "exists already" in outcome or "under way" in outcome
        assert rows(target) == rows(path)
    assert sorted(each.name for each in tmp_path.iterdir() if "backup" in each.name) == ["backup.db"]


def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path):
    (tmp_path / "backup.db").symlink_to(tmp_path / "elsewhere.db")
    taken = pytest.raises(sqlite3.OperationalError, match="exists already")
    with filled(tmp_path / "new.db", "new", 2) as saver, taken:
        saver.backup(tmp_path / "backup.db")


def test_a_new_database_takes_nothing_from_a_log_or_journal_of_its_name(tmp_path):
    for number, leave in enumerate((leave_a_log, leave_a_journal)):
        path = tmp_path / f"{number}.db"
        leave(path)
        with filled(path, "new", 3) as saver:
            assert {found.config["configurable"]["thread_id"] for found in saver.list(None)} == {"new"}
        assert len(rows(path)) == 3
