"""Makes a past prediction again, from what is recorded of it and the case that its caller gives once more."""
