"""A chat service whose checkpointer is made, and used, before the server forks its workers."""

from __future__ import annotations

import os
from typing import Any

from langchain_core.messages import HumanMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from apps.chat import graph
from fast_langgraph import RustSQLiteCheckpointer

checkpointer = RustSQLiteCheckpointer(os.environ["DATABASE"])
agent = graph.compile(checkpointer=checkpointer)

# What an app does that looks whether it works.
agent.invoke({"messages": [HumanMessage("hello")]}, {"configurable": {"thread_id": f"master {os.getpid()}"}})


async def say(request: Request) -> JSONResponse:
    config: Any = {"configurable": {"thread_id": request.path_params["thread"]}}
    message = HumanMessage((await request.body()).decode())
    found = await agent.ainvoke({"messages": [message]}, config)
    return JSONResponse({"pid": os.getpid(), "messages": [message.content for message in found["messages"]]})


async def status(request: Request) -> JSONResponse:
    return JSONResponse({"pid": os.getpid()})


app = Starlette(routes=[Route("/say/{thread}", say, methods=["POST"]), Route("/status", status)])
