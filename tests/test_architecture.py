"""Which room may know which: DESIGN's import directions, read off the syntax trees."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = (  # each room may import those before it
    "models.messages",
    "models.errors",
    "models.weights",
    "models.clinical",
    "models.imaging",
    "models.networks",
    "models.ingest",
    "models.inference",
    "models.reports",
    "models.web",
    "app",
)
ROOMS = {room: set(ORDER[:place]) for place, room in enumerate(ORDER)}
ROOMS["training"] = ROOMS["models.web"]
STAGES = {  # a stage of training: the stages it may import besides itself
    "data": set(),
    "evaluation": {"data", "publish"},
    "publish": {"data"},
    "classifier": {"data", "evaluation"},
    "localiser": {"data", "evaluation", "classifier", "publish"},
    "recognition": {"data", "evaluation", "classifier", "localiser", "publish"},
    "finder": {"data", "evaluation", "classifier", "localiser", "recognition", "publish"},
    "saliency": {"data", "evaluation", "localiser"},
    "ct_check": {"data", "evaluation"},
    "cases": {"data", "evaluation", "publish", "ct_check", "localiser"},
    "score": set(),
}
TENSORFLOW_ROOMS = ("models.networks", "models.inference", "training")
WEB_ROOMS = ("models.web", "app")
FILES = sorted([*(ROOT / "models").rglob("*.py"), *(ROOT / "training").rglob("*.py"), *ROOT.glob("app.py")])
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES
}


def imports(module, path):
    """Every module that the file imports anywhere in it, functions and relative imports included."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def room_of(module):
    """The room of a module of this project; None for other modules and for the package models."""
    parts = module.split(".")
    room = ".".join(parts[:2]) if parts[0] == "models" else parts[0]
    return room if room in ROOMS else None


IMPORTS = {module: imports(module, path) for module, path in MODULES.items()}


def imported(module, *packages):
    """Which of the packages a module imports."""
    return {name.partition(".")[0] for name in IMPORTS[module]} & set(packages)


def broken(rule):
    """Of a dict of what each module imports wrongly: those modules that do."""
    return {module: names for module, names in rule.items() if names}


def test_the_modules_are_found():
    known = {"models.errors", "models.imaging.patch", "models.networks.vgg", "training.classifier.train"}
    assert known <= set(MODULES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", {"a.b"}),
        ("from a import b", {"a", "a.b"}),
        ("def f():\n    import a", {"a"}),
        ("from . import b", {"p.q", "p.q.b"}),
        ("from .b import c", {"p.q.b", "p.q.b.c"}),
        ("from ..b import c", {"p.b", "p.b.c"}),
    ],
)
def test_imports_of_every_form_are_seen(tmp_path, source, expected):
    path = tmp_path / "m.py"
    path.write_text(source)
    assert imports("p.q.m", path) == expected


def test_every_module_belongs_to_a_room():
    assert [module for module in MODULES if module != "models" and room_of(module) is None] == []


def test_imports_run_one_way():
    upward = {}
    for module in MODULES:
        room = room_of(module)
        others = {room_of(name) for name in IMPORTS[module]} - {None, room}
        upward[module] = others - ROOMS.get(room, set())
    assert broken(upward) == {}


def test_the_stages_of_training_import_one_way():
    upward = {}
    for module in [name for name in MODULES if name.startswith("training.")]:
        stage = module.split(".")[1]
        names = [name.split(".")[1] for name in IMPORTS[module] if name.startswith("training.")]
        upward[module] = set(names) & set(STAGES) - {stage} - STAGES.get(stage, set())
    assert broken(upward) == {}


def test_only_the_web_room_and_the_app_know_flask():
    known = {
        module: imported(module, "flask", "werkzeug", "jinja2")
        for module in MODULES
        if room_of(module) not in WEB_ROOMS
    }
    assert broken(known) == {"training.publish.words": {"jinja2"}}  # model cards speak as the pages do


def test_only_networks_inference_and_training_know_tensorflow():
    others = [module for module in MODULES if room_of(module) not in TENSORFLOW_ROOMS]
    assert broken({module: imported(module, "tensorflow", "keras") for module in others}) == {}


@pytest.mark.parametrize("module", ["models.errors", "models.ingest.read", "models.imaging.patch"])
def test_reading_a_scan_loads_neither_keras_nor_flask(module):
    code = (
        f"import sys, {module}\n"
        "print(sorted({'keras', 'tensorflow', 'flask', 'training'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
