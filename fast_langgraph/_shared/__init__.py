"""What the patched savers and ``RustSQLiteCheckpointer`` both use."""
