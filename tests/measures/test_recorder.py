"""Records of a training loop: when they are made, what the file holds, and what ``optima watch`` shows of it."""

import json

import numpy as np
import pytest

from optima.cli import main
from optima.measures.recorder import Recorder, is_due, read_run
from optima.report.run import run_text


def test_the_schedule_is_logarithmic():
    due = [step for step in range(1200) if is_due(step, 4)]
    assert due == [0, 1, 2, 4, 6, 10, 18, 32, 57, 100, 178, 317, 563, 1000]


@pytest.mark.needs("torch")
def test_a_run_is_recorded_resumed_and_watched(tmp_path, capsys):
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    y = torch.arange(12) % 3
    x = torch.eye(3)[y] + 0.1 * torch.randn(12, 3)
    path, optimiser = tmp_path / "run.json", torch.optim.SGD(net.parameters(), 0.5, weight_decay=1e-3)
    recorder = Recorder(path, net, (x, y), per_decade=2, reg=1e-3)
    for step in range(12):
        recorder(step)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    records = read_run(path)
    assert [record["step"] for record in records] == [0, 1, 4, 10]
    assert records[-1]["data_loss"] < records[0]["data_loss"]
    with pytest.raises(ValueError, match="resume=True"):
        Recorder(path, net, (x, y))
    again = Recorder(path, net, (x, y), resume=True, reg=1e-3)
    again.record(4)
    assert [record["step"] for record in read_run(path)] == [0, 1, 4]
    page = tmp_path / "page.html"
    assert main(["watch", str(path), "--once", "--page", str(page)]) == 0
    assert "3 records" in capsys.readouterr().out
    assert "NC1" in page.read_text()
    for limit in (80, 100, 200):
        assert max(map(len, run_text(records, limit).splitlines())) <= limit


@pytest.mark.parametrize(
    "content", ["{}", "[1]", '{"format": "optima measures of a run", "records": [{"step": "<b>"}]}', "nothing"]
)
def test_other_files_are_refused(content, tmp_path, capsys):
    path = tmp_path / "run.json"
    path.write_text(content)
    assert main(["watch", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["watch", str(tmp_path / "none.json")]) == 2


def test_words_of_a_file_are_not_markup(tmp_path):
    from optima.report.run import run_page

    record = {"step": 1, "data_loss": 1.0, "accuracy": None, "nc4": None, "nearest": None, "layers": [{"name": "<b>"}]}
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"format": "optima measures of a run", "records": [record]}))
    assert "<b>" not in run_page(read_run(path)).split("</p>")[0].replace("<p><b>", "")
    assert np.isfinite(read_run(path)[0]["step"])


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY", b"{}"])
def test_another_file_is_refused_in_plain_words(tmp_path, capsys, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    assert main(["watch", str(path), "--once"]) == 2
    told = capsys.readouterr().err
    assert "is no file of optima.Recorder" in told
    assert "pass one that it wrote" in told
