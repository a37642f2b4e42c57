"""Stock's code and ours on the same thing: run, watched and compared."""
