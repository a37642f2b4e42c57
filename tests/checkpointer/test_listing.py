"""list and alist stream: nothing is held while they are paused, and they list what was there when they began."""

from __future__ import annotations

import asyncio
import os
import sqlite3

import pytest

from apps.databases import connected
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, WRITES, checkpoint, checkpoint_id, config

#: more than a batch, by number
MANY = 150


def fill(saver, count=MANY, thread="1", text="") -> None:
    for n in range(count):
        saved = saver.put(config(thread, at=n - 1 if n else None), checkpoint(n, text=text), METADATA, {})
        saver.put_writes(saved, [("count", n), ("text", str(n))], "task")


def expected(count=MANY) -> list[str]:
    return [checkpoint_id(n) for n in reversed(range(count))]


def ids(found) -> list[str]:
    return [each.checkpoint["id"] for each in found]


@pytest.fixture
def filled(path):
    with RustSQLiteCheckpointer(path, synchronous="off", readers=1) as checkpointer:
        fill(checkpointer)
        yield checkpointer


async def paused(listing, after):
    """An async listing after so many."""
    return [await listing.__anext__() for _ in range(after)]


# --- nothing is held ---


@pytest.mark.parametrize("after", [1, 64, 65, 149])
def test_others_vacuum_and_truncate_the_log_while_a_listing_is_paused(after, filled, path):
    listing = filled.list(config())
    first = [next(listing) for _ in range(after)]
    # At once: without a timeout any lock of ours would be an error.
    with connected(path) as conn:
        conn.execute("PRAGMA busy_timeout = 0")
        conn.execute("VACUUM")
        assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        assert os.stat(f"{path}-wal").st_size == 0
        conn.execute("BEGIN EXCLUSIVE")
        conn.execute("ROLLBACK")
    assert ids(first + list(listing)) == expected()


def test_others_vacuum_while_an_async_listing_is_paused(filled, path):
    async def run():
        listing = filled.alist(config())
        first = await paused(listing, 10)
        with connected(path) as conn:
            conn.execute("PRAGMA busy_timeout = 0")
            conn.execute("VACUUM")
            assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        return ids(first + [each async for each in listing])

    assert asyncio.run(run()) == expected()


def test_anything_may_be_called_in_the_middle_of_a_listing(filled):
    """With one connection to read with: a listing doesn't keep it."""
    seen = []
    for found in filled.list(config()):
        at = found.config
        seen.append(found.checkpoint["id"])
        assert filled.get_tuple(at).pending_writes == found.pending_writes
        if len(seen) % 20 == 0:
            filled.put(config("other"), checkpoint(len(seen)), METADATA, {})
            filled.put_writes(at, WRITES, "later")
            assert ids(filled.list(at)) == [found.checkpoint["id"]]
            filled.delete_thread("nobody")
            filled.vacuum()
            filled.stats()
    assert seen == expected()
    assert len(list(filled.list(config("other")))) == MANY // 20


def test_anything_may_be_awaited_in_the_middle_of_an_async_listing(filled):
    async def run():
        seen = []
        async for found in filled.alist(config()):
            seen.append(found.checkpoint["id"])
            if len(seen) % 20 == 0:
                assert (await filled.aget_tuple(found.config)).pending_writes == found.pending_writes
                await filled.aput(config("other"), checkpoint(len(seen)), METADATA, {})
                assert [each.config async for each in filled.alist(found.config)] == [found.config]
        return seen

    assert asyncio.run(run()) == expected()


def test_many_listings_may_be_paused_at_once(filled):
    listings = [filled.list(config()) for _ in range(20)]
    seen = [[] for _ in listings]
    for _ in range(MANY):
        for listing, found in zip(listings, seen, strict=True):
            found.append(next(listing).checkpoint["id"])
    assert all(found == expected() for found in seen)
    assert all(next(listing, None) is None for listing in listings)


def test_a_listing_that_nobody_goes_on_with_keeps_nothing(filled, path):
    listings = [filled.list(config()) for _ in range(5)]
    for listing in listings:
        next(listing)
    listings.pop().close()
    filled.close()
    with connected(path) as conn:
        conn.execute("PRAGMA busy_timeout = 0")
        conn.execute("PRAGMA locking_mode = EXCLUSIVE")
        conn.execute("DELETE FROM writes")
    for listing in listings:
        listing.close()


# --- what is listed ---


def test_what_is_put_after_it_began_is_not_listed(filled):
    listing = filled.list(config())
    first = next(listing)
    for n in range(MANY, MANY + 100):
        filled.put(config(), checkpoint(n), METADATA, {})
    # Older ones too: they would come later.
    filled.put(config(), {**checkpoint(0), "id": "0"}, METADATA, {})
    assert ids([first, *listing]) == expected()
    assert len(list(filled.list(config()))) == MANY + 101


def test_what_is_deleted_before_its_turn_is_left_out(filled, sql):
    listing = filled.list(config())
    first = next(listing)
    doomed = [checkpoint_id(n) for n in range(0, 50, 2)]
    sql(f"DELETE FROM checkpoints WHERE checkpoint_id IN ({', '.join('?' * len(doomed))})", *doomed)
    assert ids([first, *listing]) == [each for each in expected() if each not in doomed]
    listing = filled.list(config())
    next(listing)
    filled.delete_thread("1")
    # Of the batch that was read already the rest comes; nothing of the others.
    assert len(list(listing)) < 64


def test_a_thread_that_is_written_all_the_while_is_listed_once_each(filled):
    seen = []
    for n, found in enumerate(filled.list(config())):
        seen.append(found.checkpoint["id"])
        filled.put(config(), checkpoint(MANY + n), METADATA, {})
    assert seen == expected()


@pytest.mark.parametrize("entry", ["sync", "async"])
def test_pending_writes_come_with_each(entry, filled):
    async def run():
        return [each async for each in filled.alist(config())]

    found = list(filled.list(config())) if entry == "sync" else asyncio.run(run())
    assert len(found) == MANY
    for n, each in enumerate(reversed(found)):
        assert each.pending_writes == [("task", "count", n), ("task", "text", str(n))]
        assert each.parent_config == (config("1", at=n - 1) if n else None)


@pytest.mark.parametrize("entry", ["sync", "async"])
@pytest.mark.parametrize("limit", [0, 1, 63, 64, 65, 128, 149, 150, 151])
def test_a_limit_ends_it_wherever_batches_end(entry, limit, filled):
    async def run():
        return [each async for each in filled.alist(config(), limit=limit)]

    found = list(filled.list(config(), limit=limit)) if entry == "sync" else asyncio.run(run())
    assert ids(found) == expected()[:limit]


def test_large_checkpoints_are_listed_as_they_are(checkpointer):
    fill(checkpointer, count=12, text="é" * 400_000)
    found = list(checkpointer.list(config()))
    assert ids(found) == expected(12)
    assert all(each.checkpoint["channel_values"]["text"] == "é" * 400_000 for each in found)


def test_a_listing_of_a_database_in_memory_holds_nothing_either():
    with RustSQLiteCheckpointer(":memory:") as checkpointer:
        fill(checkpointer, count=MANY)
        listing = checkpointer.list(config())
        seen = [next(listing)]
        checkpointer.put(config("2"), checkpoint(0), METADATA, {})
        checkpointer.vacuum()
        assert ids(seen + list(listing)) == expected()


def test_arguments_are_looked_at_when_the_first_is_asked_for(filled):
    # As with stock, whose list() is a generator too.
    listing = filled.list({"configurable": {}})
    with pytest.raises(KeyError, match="thread_id"):
        next(listing)


def test_a_row_that_can_t_be_read_ends_a_listing_as_with_stock(filled, sql):
    sql("UPDATE checkpoints SET checkpoint = x'c1' WHERE checkpoint_id = ?", checkpoint_id(100))
    seen = []
    with pytest.raises(ValueError):
        for each in filled.list(config()):
            seen.append(each.checkpoint["id"])
    assert seen == expected()[:49]
    sql("UPDATE checkpoints SET type = 'unknown' WHERE checkpoint_id = ?", checkpoint_id(100))
    with pytest.raises(NotImplementedError, match="Unknown serialization type: unknown"):
        list(filled.list(config()))
    assert isinstance(filled.get_tuple(config(at=99)).checkpoint, dict)
    with pytest.raises(sqlite3.OperationalError):
        sql("SELECT nothing FROM checkpoints")
