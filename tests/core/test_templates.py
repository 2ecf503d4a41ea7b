import jinja2
import pytest

from dcbench.core.templates import template_environment


def test_values_are_escaped_and_unknown_names_are_errors(tmp_path):
    (tmp_path / "page.html.j2").write_text("<p>{{ name }}</p>")
    page = template_environment(tmp_path).get_template("page.html.j2")
    assert page.render(name="<script>") == "<p>&lt;script&gt;</p>"
    with pytest.raises(jinja2.UndefinedError):
        page.render()
