"""YAML as a stranger may send it: one plain mapping, no key twice, no alias, no tag, bounded size."""

from collections.abc import Collection, Hashable
from difflib import get_close_matches

import yaml

from features.errors import BadProfile

MAX_CHARACTERS = 65_536


def parse_mapping(text: str) -> dict[str, object]:
    """Parses a YAML mapping with text keys at every level.

    Raises:
        BadProfile: Not YAML, no mapping, or a trick (an alias, a tag, a key twice, too long).
    """
    if len(text) > MAX_CHARACTERS:
        raise BadProfile(f"a profile of {len(text)} characters; wanted at most {MAX_CHARACTERS}", size=len(text))
    try:
        found = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" in line {mark.line + 1}" if mark else ""
        raise BadProfile(f"not readable as YAML{line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError):
        raise BadProfile("not readable as YAML: a character or value that YAML does not allow") from None
    except RecursionError:
        raise BadProfile("not readable as YAML: nested too deeply") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadProfile(f"a profile is a mapping of sections; found a {type(found).__name__}")
    return found


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for a refusal: the known name nearest to an unknown one, or all where none is near."""
    found = get_close_matches(name, known, n=1, cutoff=0.6)
    if not found:
        lowered = {one.lower(): one for one in known}
        found = [lowered[one] for one in get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)]
    if found:
        return f"did you mean {found[0]}?"
    shown = sorted(known)
    return f"known are {', '.join(shown[:40])}{', ...' if len(shown) > 40 else ''}"


class _StrictLoader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {str(key)[:40]!r} is no text"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
