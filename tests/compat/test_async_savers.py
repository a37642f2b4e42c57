"""AsyncSqliteSavers made one's own: overridden, with a serializer and a lock of the owner's; and where each is called."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading

import aiosqlite
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from beside_stock.async_stories import aeverything, afill, listed
from beside_stock.stories import same_story
from installed_releases import HAS_HISTORY, allowing
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched


@pytest.mark.parametrize("name", ["setup", "aget_tuple", "aput", "aput_writes", "alist"])
def test_what_a_subclass_overrides_is_called_as_by_stock(tmp_path, name):
    real = getattr(AsyncSqliteSaver, name)

    def overriding(seen):
        if inspect.isasyncgenfunction(real):

            async def method(self, *args, **kwargs):
                seen.append((name, repr(args), repr(kwargs)))
                async for found in real(self, *args, **kwargs):
                    yield found
        else:

            async def method(self, *args, **kwargs):
                seen.append((name, repr(args), repr(kwargs)))
                return await real(self, *args, **kwargs)

        return method

    async def tell(story):
        seen = []
        cls = type("Mine", (AsyncSqliteSaver,), {name: overriding(seen)})
        async with aiosqlite.connect(story.path) as conn:
            saver = cls(conn)
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("seen", seen)
            plain = AsyncSqliteSaver(conn)
            setattr(plain, name, overriding(seen).__get__(plain))
            await aeverything(story, plain, at=8)
            story.note("seen of an instance", seen)

    same_story(tell, tmp_path)


class CountingLock(asyncio.Lock):
    taken = 0

    async def acquire(self):
        self.taken += 1
        return await super().acquire()


def test_a_lock_of_the_owner_s_is_taken_as_by_stock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            saver.lock = CountingLock()
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("taken", saver.lock.taken)

    same_story(tell, tmp_path)


def test_a_lock_that_is_held_is_waited_for(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            async with saver.lock:
                tasks = [
                    asyncio.create_task(saver.aput(config(), checkpoint(7), METADATA, {})),
                    asyncio.create_task(saver.aput_writes(config(at=0), WRITES, "t")),
                    asyncio.create_task(saver.aget_tuple(config(at=1))),
                    asyncio.create_task(saver.adelete_thread("none")),
                ]
                await asyncio.sleep(0.05)
                story.note("done meanwhile", [task.done() for task in tasks])
            for task in tasks:
                await story.ado("task", task)
            story.note("lock", saver.lock.locked())
            story.rows()

    same_story(tell, tmp_path)


SERDES = {
    "strict": lambda: allowing(None),
    "subclass": lambda: type(
        "Mine",
        (JsonPlusSerializer,),
        {"dumps_typed": lambda self, value: ("own", b"x"), "loads_typed": lambda self, typed: typed},
    )(),
    "hook": lambda: JsonPlusSerializer(__unpack_ext_hook__=lambda code, data: (code, len(data))),
}


@pytest.mark.parametrize("name", SERDES)
def test_a_serializer_of_the_owner_s_is_used_as_by_stock(tmp_path, name):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn, serde=SERDES[name]())
            await afill(saver)
            await saver.aput(config(), checkpoint(9, plain=s.Plain(1), tags={1}), METADATA, {})
            await aeverything(story, saver, at=7)
            story.rows()

    same_story(tell, tmp_path)


WHO = contextvars.ContextVar("who", default="nobody")


class Looking(JsonPlusSerializer):
    """Notes where it is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self, what):
        try:
            asyncio.get_running_loop()
            loop = True
        except RuntimeError:
            loop = False
        self.seen.append((what, threading.current_thread() is threading.main_thread(), loop, WHO.get()))

    def dumps_typed(self, value):
        self.look("dumps")
        return super().dumps_typed(value)

    def loads_typed(self, typed):
        self.look("loads")
        return super().loads_typed(typed)


def test_a_serializer_is_called_on_the_loop_s_thread_in_the_caller_s_context(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn, serde=Looking())
            await saver.setup()

            async def task(name):
                WHO.set(name)
                await saver.aput(config(name), checkpoint(1), METADATA, {})
                await saver.aput_writes(config(name, at=1), WRITES, "t")
                await saver.aget_tuple(config(name))
                await listed(saver, config(name))

            for name in ("a", "b"):
                await asyncio.create_task(task(name))
            story.note("seen", saver.serde.seen)

    story = same_story(tell, tmp_path)
    assert all(main and loop for _, main, loop, _ in story.steps[0][1].value)


def test_a_validator_runs_on_the_loop_s_thread_in_the_caller_s_context(tmp_path, monkeypatch):
    async def tell(story):
        seen = []

        def build(*args, **kwargs):
            asyncio.get_running_loop()
            seen.append((threading.current_thread() is threading.main_thread(), WHO.get()))
            return (args, kwargs)

        monkeypatch.setattr(s.callables, "build", build)
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            thing = type("build", (s.Secret,), {"__module__": s.callables.__name__})
            await saver.aput(config(), checkpoint(1, thing=thing(5)), METADATA, {})
            await saver.aput_writes(config(at=1), [("a", thing(6))], "t")
            WHO.set("me")
            await story.ado("get", saver.aget_tuple(config()))
            await story.ado("list", listed(saver, config()))
            story.note("seen", seen)

    story = same_story(tell, tmp_path)
    assert story.steps[-1][1].value == [(True, "me")] * 4


def test_calls_from_other_threads_come_back_through_the_loop(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)

            def sync():
                saver.put(config(), checkpoint(1), METADATA, {})
                saver.put_writes(config(at=1), WRITES, "t", "~p")
                found = saver.get_tuple(config()), list(saver.list(config()))
                history = saver.get_delta_channel_history(config=config(), channels=["count"]) if HAS_HISTORY else None
                saver.delete_thread("none")
                return found, history

            await story.ado("from a thread", asyncio.to_thread(sync))
            story.do("get on the loop", lambda: saver.get_tuple(config()))
            story.do("list on the loop", lambda: list(saver.list(config())))
            story.do("delete on the loop", lambda: saver.delete_thread("1"))
            story.rows()

    same_story(tell, tmp_path, native=["AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"])
