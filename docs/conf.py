"""How Sphinx builds these pages: ``nox -s docs``."""

from __future__ import annotations

import builtins
from importlib.metadata import version as installed_version
from typing import Any

from sphinx.addnodes import pending_xref

project = "atleastonce"
author = "The atleastonce developers"
project_copyright = "the atleastonce developers"
version = release = installed_version("atleastonce")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"atleastonce {release}"
html_static_path = ["_static"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # levels of headings that links may name

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

default_role = "py:obj"
# No inventories of other projects are fetched: the build needs no network. What is not ours stays plain text.
nitpick_ignore_regex = [
    (r"py:.*", r"(_pytest|abc|attr|attrs|collections|concurrent|datetime|pytest|signal|threading|types|typing)\..*"),
    (r"py:.*", r"atleastonce\.store\.T"),  # a type variable
]


def keep_as_text(_app: object, _environment: object, node: Any, text: Any) -> Any:
    """A name in single backticks that is no object of ours (an argument, say) stays code without a link."""
    return text if node.get("reftype") == "obj" else None


def unlink_builtins(_app: object, doctree: Any) -> None:
    """``type[T]`` in a signature means Python's type: Sphinx would find `Task.type`."""
    for node in list(doctree.findall(pending_xref)):
        if node["refdomain"] == "py" and node["reftype"] == "class" and hasattr(builtins, node["reftarget"]):
            node.replace_self(node.children)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", unlink_builtins)
    app.connect("missing-reference", keep_as_text)
