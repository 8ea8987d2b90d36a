"""The invalid test vectors: each breaks one rule. Importing a module of cases fills the list."""

import rvf_writer as writer

import damage_content  # noqa: F401
import damage_lists  # noqa: F401
import damage_manifest  # noqa: F401
import damage_root  # noqa: F401
from damage_tools import LIST, query  # noqa: F401


def files():
    """(rule, what, at, bytes, text) of each invalid file."""
    for rule, what, at, text, make in sorted(LIST, key=lambda case: case[:2]):
        made = make()
        data = made if isinstance(made, bytes) else writer.write(made)
        yield rule, what, at, data, text
