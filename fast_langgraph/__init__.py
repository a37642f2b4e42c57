"""LangGraph checkpoints on SQLite, in Rust."""
