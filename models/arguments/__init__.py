"""What each command takes: one file a command. No engine is loaded before the words are understood."""
