"""The Python parts of ``RustSQLiteCheckpointer``, between LangGraph's interface and the Rust engine."""
