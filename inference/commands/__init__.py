"""One file for each subcommand: `add` tells the parser its words, `run` does it."""
