"""Every call that SQLite makes of the system is made to fail, one after the other."""
