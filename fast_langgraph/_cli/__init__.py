"""The commands on a database: ``fast-langgraph threads app.db`` and the like. They need the extra ``[cli]``."""
