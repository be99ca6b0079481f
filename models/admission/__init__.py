"""Lets a version of the registry serve, or says why not: gates, a trial in a child process, a signed release."""
