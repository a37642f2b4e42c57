"""Quiet under ``-X dev`` and with warnings as errors, whole after a fork, flat in memory."""

from __future__ import annotations

import os

import pytest

from beside_stock.new_process import in_new_process

QUIET = """
    import asyncio, gc, sqlite3, sys, tempfile, pathlib
    from samples import graphs
    from beside_stock import graph_runs
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from samples.checkpoints import METADATA, WRITES, checkpoint, config
    fast_langgraph.patch()
    fast_langgraph.patch()
    with tempfile.TemporaryDirectory() as directory:
        conn = sqlite3.connect(directory + "/sync.db", check_same_thread=False)
        saver = SqliteSaver(conn)
        for build, inputs in graph_runs.RUNS.values():
            app = build().compile(checkpointer=saver)
            for given in inputs:
                graph_runs.sent(app, given)
        list(saver.list(None))
        for bad in (lambda: saver.put(config(), {"id": None}, {}, {}), lambda: saver.put_writes(config(at=1), [("a", object())], "t")):
            try:
                bad()
            except (sqlite3.IntegrityError, TypeError):
                pass
        conn.close()

        async def run():
            async with AsyncSqliteSaver.from_conn_string(directory + "/async.db") as saver:
                app = graphs.agent().compile(checkpointer=saver)
                await asyncio.gather(*(app.ainvoke(graph_runs.question(n), {"configurable": {"thread_id": str(n)}}) for n in range(5)))
                [found async for found in saver.alist(None)]

        asyncio.run(run())
    fast_langgraph.status()
    fast_langgraph.unpatch()
    gc.collect()
    print("done")
"""


FORKED_AT_FIRST_USE = """
    import os, signal, threading, warnings
    warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
    fast_langgraph.patch()
    begun, ended = [], []

    def used():
        JsonPlusSerializer().dumps_typed([1])

    def fork_at_once():
        while not begun:
            pass
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            used()
            os._exit(0)
        ended.append(os.waitpid(pid, 0)[1])

    forking = threading.Thread(target=fork_at_once)
    forking.start()
    # The other thread waits for the GIL, and has it as soon as this one lets go of it.
    begun.append(True)
    used()
    forking.join()
    assert ended == [0], ended
    print("done")
"""


def test_the_child_of_a_fork_can_use_what_another_thread_was_using_for_the_first_time():
    for _ in range(3):
        done = in_new_process(FORKED_AT_FIRST_USE)
        assert done.stdout == "done\n", done


#: Warnings that stock's own dependencies give on being imported are not ours to hear.
STOCK_S_IMPORTS = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import langgraph.graph
"""


def test_a_process_under_dev_mode_and_with_warnings_as_errors_stays_quiet():
    done = in_new_process(
        STOCK_S_IMPORTS + "warnings.simplefilter('error')\n" + QUIET.replace("\n    ", "\n"),
        "-X",
        "dev",
        "-W",
        "error::ResourceWarning",
        "-W",
        "error::RuntimeWarning",
        "-W",
        "error::BytesWarning",
        "-bb",
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done
    assert [line for line in done.stderr.splitlines() if "Deserializing unregistered" not in line] == [], done.stderr


#: what is done over and over; FAST_LANGGRAPH_ROUNDS=100000 for a long look
ROUNDS = int(os.environ.get("FAST_LANGGRAPH_ROUNDS", "1500"))
GROWTH = """
    import gc, os, resource, sqlite3, warnings, logging
    from samples import hostile
    from samples import classes as s
    from installed_releases import allowing
    from samples.messages import conversations, tampered
    from langgraph.checkpoint.sqlite import SqliteSaver
    from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # With little room, states that are remembered have to go for others all the time.
    fast_langgraph.patch(remember=1_000_000)
    serde = JsonPlusSerializer()
    strict = allowing(None)
    state = conversations()["messages in a dict"]()
    mixed = [s.Plain(1), s.Model(a=1), s.Color.RED, {{1, 2}}, s.UUID(int=1), s.Point(1), s.np.arange(5), {{1: b"x"}}]
    encoded = [serde.dumps_typed(value) for value in (state, mixed)]
    broken = [encoded[0][1][:n] for n in (1, 50, 300)] + [b"\\xc1", b"\\x91" * 3000, *list(hostile.exts().values())[::40]]
    bad = [object(), [2**64], {{"\\ud800": 1}}, s.DumpsTo(raising=ValueError("x")), *(make() for make in list(tampered().values())[::7])]

    def tried(call, *args):
        try:
            call(*args)
        except Exception:
            pass

    def codec():
        for value in (state, mixed):
            serde.loads_typed(serde.dumps_typed(value))
        strict.loads_typed(encoded[1])

    def codec_errors():
        for value in bad:
            tried(serde.dumps_typed, value)
        for data in broken:
            tried(serde.loads_typed, ("msgpack", data))

    conn = sqlite3.connect(":memory:")
    saver = SqliteSaver(conn)

    def storage():
        written = saver.put(config(), checkpoint(1, state=state), METADATA, {{}})
        saver.put_writes(written, WRITES, "t")
        saver.put_writes(written, SPECIAL, "t")
        saver.get_tuple(written)
        list(saver.list(config()))
        if hasattr(saver, "get_delta_channel_history"):
            saver.get_delta_channel_history(config=written, channels=["x"])
        saver.delete_thread("1")

    def storage_errors():
        tried(saver.put, config(), {{**checkpoint(1), "id": None}}, METADATA, {{}})
        tried(saver.put, config(), checkpoint(1, bad=object()), METADATA, {{}})
        tried(saver.put, config(), checkpoint(1), {{"bad": object()}}, {{}})
        tried(saver.put_writes, config(at=1), [("a", 1), (None, 1)], "t")
        tried(saver.get_tuple, {{}})
        tried(lambda: list(saver.list(config(), filter={{"bad key": 1}})))
        listing = saver.list(config())
        next(listing, None)
        del listing

    def memory():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    work = {work}

    def growth():
        for _ in range({rounds} // 3):
            work()
        first = memory()
        for _ in range({rounds}):
            work()
        return memory() - first

    allowed = 3_000_000
    if work is codec_errors:
        # What ormsgpack had decoded before an error is lost in releases before 1.13.
        with fast_langgraph.disabled():
            allowed += growth()
    grown = growth()
    print("flat" if grown < allowed else f"grown by {{grown:,}} bytes where {{allowed:,}} are allowed")
"""


@pytest.mark.parametrize("work", ["codec", "codec_errors", "storage", "storage_errors"])
def test_memory_stays_flat_over_many_rounds(work):
    rounds = ROUNDS // 10 if work == "codec_errors" else ROUNDS
    done = in_new_process(GROWTH.format(work=work, rounds=rounds), timeout=3600)
    assert done.stdout == "flat\n", done
