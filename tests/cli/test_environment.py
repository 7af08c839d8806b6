"""Commands where something around them is missing: standard error, memory, digits, a main guard."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from optima.atlas import Store

ROOT = Path(__file__).parents[2]


def python(*arguments, **named):
    """A fresh interpreter in the folder of the test: its result with the text of both outputs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], env=environment, text=True, timeout=300, **named)


EVERY_COMMAND = """
import sys
from optima.cli import main
assert sys.stderr is None or sys.argv[1] == "full"
one = ["--classes", "3", "--depth", "2", "--reg", "1e-2"]
print([main(arguments) for arguments in (
    ["table", "--classes", "2:4", "--depths", "1:2", "--regs", "1e-3", "--out", "table.csv"],
    ["solve", *one, "--effort", "quick", "--save", "found.npz"],
    ["certify", *one, "--gap", "1e-2", "--effort", "quick"],
    ["train", *one, "--width", "3", "--steps", "50", "--seeds", "2"],
    ["atlas", "add", "atlas.sqlite", "found.npz"],
    ["atlas", "export", "atlas.sqlite", "--out", "atlas.csv"],
    ["atlas", "verify", "atlas.sqlite"],
    ["table", "--classes", "x", "--depths", "1", "--regs", "1e-3"],
)])
"""


@pytest.mark.parametrize("broken", ["closed", "full"])
def test_nobody_reads_the_messages(tmp_path, broken):
    """Without a standard error, or with one that takes nothing, commands ended without a word."""
    if broken == "full":
        if not os.path.exists("/dev/full"):
            pytest.skip("no /dev/full here")
        with open("/dev/full", "w") as full:
            done = python("-c", EVERY_COMMAND, broken, cwd=tmp_path, stdout=subprocess.PIPE, stderr=full)
    else:
        # The descriptor is closed in the child, as by 2>&- in a shell.
        closed = {"preexec_fn": lambda: os.close(2)}
        done = python("-c", EVERY_COMMAND, broken, cwd=tmp_path, stdout=subprocess.PIPE, **closed)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 0, 0, 2]"
    # What libraries write to the descriptor of standard error does not end in the first file that is opened.
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 7
    assert len((tmp_path / "atlas.csv").read_text().splitlines()) == 2


UNGUARDED = """
import optima
from optima.atlas import Store, build
problems = [optima.DeepUFM(3, 2, 1e-2), optima.DeepUFM(4, 2, 1e-2)]
def attempts():
    yield lambda: optima.sweep(problems, effort="quick", workers=2)
    with Store("atlas.sqlite", write=True) as store:
        yield lambda: build(store, problems, effort="quick")
for attempt in attempts():
    try:
        attempt()
    except RuntimeError as error:
        print(error)
"""


def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    """Every worker ran the script, and ended in a traceback of its own."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = python(script, cwd=tmp_path, capture_output=True)
    told, again = done.stdout.splitlines()
    assert told == again
    assert 'put it under `if __name__ == "__main__":`' in told
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "pass_instead"),
    [
        ("solve --classes 100000 --depth 2 --reg 1e-3", "pass at most"),
        ("train --classes 100000 --depth 2 --reg 1e-3 --width 10", "pass fewer"),
        ("train --classes 4 --depth 2 --reg 1e-3 --width 10 --samples 1000000000", "pass fewer samples"),
        ("train --classes 4 --depth 2 --reg 1e-9:1e-3:100000 --width 1:1000 --seeds 1", "pass fewer values"),
        ("train --classes 4 --depth 2 --reg 1e-3 --width 4 --seeds 1000000000", "pass fewer values"),
        ("train --classes 4 --depth 2 --reg 5e-324 --width 4", "pass one from 1e-300"),
        ("phase --classes 2:1000 --depth 1:100000 --x classes --y depth --reg 1e-3 --out p.png", "pass fewer values"),
        ("phase --reg 5e-324,1e-3 --depth 2:3 --out p.png", "pass one from 1e-300"),
        ("atlas build --classes 2:1001 --depths 1:1000 --regs 1e-9:1e-3:1000 --store a", "pass fewer values"),
        ("atlas build --classes 3 --depths 2 --regs 1e308 --samples 1000 --store a", "pass one from 1e-300"),
        ("solve --classes 4 --depth 2 --reg 5e-324", "pass one from 1e-300"),
        ("solve --classes 4 --depth 1 --reg 1e308 --samples 1000 --json", "pass one from 1e-300"),
        ("loss --classes 1000000000 --depth 2 --reg 1e-3", "pass fewer classes"),
        ("table --classes 2,1000000000 --depths 2 --regs 1e-3", "pass fewer classes"),
        ("max-margin --classes 99999999999999999999 --depth 2", "pass an integer of at most"),
        ("atlas show stored.sqlite --rank 99999999999999999999", "pass an integer of at most"),
        ("atlas show stored.sqlite --classes 2:10000000", "pass a larger step"),
    ],
)
def test_what_is_too_large_is_refused_in_one_sentence(call, tmp_path, monkeypatch, arguments, pass_instead):
    monkeypatch.chdir(tmp_path)
    with Store("stored.sqlite", write=True):
        pass
    code, out, err = call(*arguments.split())
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert pass_instead in err


@pytest.mark.parametrize("reg", ["5e-324", "1e-300", "1e308"])
def test_closed_forms_answer_at_every_regularisation(call, reg):
    code, out, err = call("loss", "--classes", 4, "--depth", 2, "--reg", reg, "--samples", 1000, "--json")
    assert (code, err) == (0, "")
    assert all(entry["loss"] > 0 for entry in json.loads(out)["structures"].values())
    code, out, _ = call("table", "--classes", 4, "--depths", 2, "--regs", reg, "--rows", 10**30)
    assert code == 0


def test_a_tiny_regularisation_is_solved(call):
    code, out, err = call("solve", "--classes", 4, "--depth", 2, "--reg", "1e-300", "--effort", "quick", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert 0 < found["loss"] <= min(found["candidates"].values()) * (1 + 1e-12)


def test_memory_that_is_not_there_is_one_sentence(call, monkeypatch):
    for told, why in (("Unable to allocate 22 GiB", " (Unable to allocate 22 GiB)"), ("", "")):

        def full(*arguments, told=told, **named):
            raise MemoryError(told)

        monkeypatch.setattr(sys.modules["optima.certification"], "search", full)
        code, out, err = call("solve", "--classes", 4, "--depth", 2, "--reg", "1e-3")
        assert (code, out) == (2, "")
        sentence = f"there is not enough memory{why}; pass fewer classes, samples, layers, seeds or workers"
        assert err == f"optima: {sentence}\n"
