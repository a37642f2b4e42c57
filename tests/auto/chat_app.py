"""A chat service as apps have them. Nothing in it knows of fast_langgraph, but for /status, which asks."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import StateGraph
from langgraph.graph.message import add_messages
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


class State(TypedDict):
    messages: Annotated[list, add_messages]


async def model(state: State):
    await asyncio.sleep(float(os.environ.get("MODEL_SECONDS", "0")))
    return {"messages": [AIMessage(f"{len(state['messages'])}: {state['messages'][-1].content}")]}


graph = StateGraph(State)
graph.add_node("model", model)
graph.set_entry_point("model")


@asynccontextmanager
async def lifespan(app):
    async with AsyncSqliteSaver.from_conn_string(os.environ["DATABASE"]) as saver:
        app.state.agent = graph.compile(checkpointer=saver)
        yield


async def say(request):
    config = {"configurable": {"thread_id": request.path_params["thread"]}}
    message = HumanMessage((await request.body()).decode())
    state = await request.app.state.agent.ainvoke({"messages": [message]}, config)
    return JSONResponse({"pid": os.getpid(), "messages": [message.content for message in state["messages"]]})


async def status(request):
    import fast_langgraph

    return JSONResponse({"pid": os.getpid(), **fast_langgraph.status().to_dict()})


app = Starlette(
    routes=[Route("/say/{thread}", say, methods=["POST"]), Route("/status", status)],
    lifespan=lifespan,
)
