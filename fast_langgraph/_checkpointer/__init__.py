"""The parts of ``RustSQLiteCheckpointer`` between LangGraph's interface and the engine."""
