"""Run a network once on shapes alone, and record every operation."""
