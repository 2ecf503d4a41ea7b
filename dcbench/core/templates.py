"""The Jinja environment that all templates share: it escapes every value, and an undefined name is an error."""

from __future__ import annotations

from pathlib import Path

import jinja2


def template_environment(folder: Path) -> jinja2.Environment:
    """Return an environment over the templates of a folder, with HTML escaping on."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,  # whatever the file is called: reasons and paths come from files that anyone may edit
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
