import ast
import inspect

from dcbench import errors


def test_the_docstring_shows_every_error_class():
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    drawn = {word for word in errors.__doc__.replace("──", " ").split() if word in classes}
    assert drawn == classes


def test_an_unknown_name_error_suggests_the_nearest_and_lists_all_known():
    assert errors.unknown_name("arch", "alexnte", ["alexnet", "vgg16"]) == (
        "unknown arch 'alexnte'. Did you mean 'alexnet'? Known: alexnet, vgg16"
    )
    assert "Did you mean" not in errors.unknown_name("arch", "zzz", ["alexnet"])


def test_errors_imports_no_other_module_of_the_package():
    nodes = list(ast.walk(ast.parse(inspect.getsource(errors))))
    modules = [node.module or "dcbench" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert modules and not [name for name in modules if name.split(".")[0] == "dcbench"]
