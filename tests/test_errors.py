import ast
import inspect

from dcbench import errors


def test_the_docstring_draws_every_error_of_the_tree():
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    drawn = {word for word in errors.__doc__.replace("──", " ").split() if word in classes}
    assert drawn == classes


def test_unknown_names_the_nearest_and_all_known():
    assert errors.unknown_name("arch", "alexnte", ["alexnet", "vgg16"]) == (
        "unknown arch 'alexnte'. Did you mean 'alexnet'? Known: alexnet, vgg16"
    )
    assert "Did you mean" not in errors.unknown_name("arch", "zzz", ["alexnet"])


def test_it_imports_nothing_of_ours():
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(errors))) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in imports if (node.module or "").startswith("dcbench")]
