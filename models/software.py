"""Which version of this software trains and answers."""

VERSION = "0.1.0"
"""As in pyproject.toml, which does not come along into a deployment; a test holds the two equal."""
