"""``move()``: takes conversations from one database to another, SQLite and PostgreSQL."""
