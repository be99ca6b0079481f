"""YAML of plain values alone."""

from typing import Any

import yaml


def read_yaml(content: bytes) -> Any:  # noqa: ANN401 - whatever the file holds
    """The value; raises yaml.YAMLError for anything but plain values without aliases."""
    return yaml.load(content, Loader=_Plain)  # noqa: S506 - a SafeLoader that takes no alias


class _Plain(yaml.SafeLoader):
    """YAML without aliases, which can make a small file a huge value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not taken")
        return super().compose_node(parent, index)
