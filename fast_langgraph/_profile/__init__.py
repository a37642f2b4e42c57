"""What ``fast_langgraph.profile()`` measures, and how it is shown.

``instruments`` are put before the savers' methods, and ``timers`` before what these call; ``session`` says when. Each
call of a saver is a ``Call`` of ``native/src/profile/``, which ``calls`` finds and a ``recorder`` adds up, with
``channels`` and ``storage``. ``report`` is the result, of ``findings``; ``table`` and ``page`` show it, ``telemetry``
tells OpenTelemetry, ``program`` is the command.
"""
