"""Steps of a story that is told to AsyncSqliteSaver."""

from __future__ import annotations

from installed_releases import HAS_HISTORY
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config


async def listed(saver, *args, **kwargs):
    return [found async for found in saver.alist(*args, **kwargs)]


async def afill(saver, threads=("1",), steps=3):
    for thread in threads:
        at = None
        for n in range(steps):
            written = await saver.aput(config(thread, at=at), checkpoint(n, text="x" * n), {**METADATA, "step": n}, {})
            await saver.aput_writes(written, WRITES, f"task-{n}")
            await saver.aput_writes(written, SPECIAL, f"task-{n}", "~path")
            at = n


async def aeverything(story, saver, at=0):
    await story.ado("aput", saver.aput(config(), checkpoint(at), METADATA, {}))
    await story.ado("aput_writes", saver.aput_writes(config(at=at), WRITES, "task"))
    await story.ado("special", saver.aput_writes(config(at=at), SPECIAL, "task", "~p"))
    await story.ado("aget_tuple", saver.aget_tuple(config(at=at)))
    await story.ado("latest", saver.aget_tuple(config()))
    await story.ado("none", saver.aget_tuple(config("nobody")))
    await story.ado("alist", listed(saver, config()))
    if HAS_HISTORY:
        await story.ado("history", saver.aget_delta_channel_history(config=config(at=at), channels=["count", "x"]))
    await story.ado("adelete_thread", saver.adelete_thread("other"))
    story.note("lock", saver.lock.locked())
