"""The callbacks of docs/measure.md: called as Lightning and Hugging Face call them, and by the libraries themselves."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import optima
from optima.measures.recorder import read_run

pytestmark = pytest.mark.needs("torch")
DOCS = Path(__file__).parent.parent.parent / "docs" / "measure.md"
K = 3


def documented(name, base, recorder):
    """The methods that docs/measure.md shows after a name, on a callback class."""
    text = DOCS.read_text().split("## While it trains")[1].split(name)[1]
    methods = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    space = {"recorder": recorder}
    exec(methods, space)
    return type("Records", (base,), {key: value for key, value in space.items() if key.startswith("on_")})()


@pytest.fixture
def run(tmp_path):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, K))
    y = torch.arange(24) % K
    x = torch.eye(K)[y] + 0.1 * torch.randn(24, K)
    recorder = optima.Recorder(tmp_path / "run.json", net, (x, y), per_decade=2, reg=1e-3)
    return SimpleNamespace(net=net, x=x, y=y, recorder=recorder)


@pytest.mark.parametrize("first", [True, False])
def test_lightning_calls_it_so(run, first):
    """A stub of its training loop: positional arguments, a call for each batch, and a step after several of them."""
    callback = documented("Lightning", object, run.recorder)
    trainer = SimpleNamespace(global_step=0, is_global_zero=first)
    for batch in range(24):
        callback.on_train_batch_start(trainer, run.net, (run.x, run.y), batch)
        trainer.global_step += batch % 2
    callback.on_train_end(trainer, run.net)
    if first:
        assert [record["step"] for record in read_run(run.recorder.path)] == [0, 1, 4, 10, 12]
    else:
        assert not run.recorder.path.exists()


@pytest.mark.parametrize("first", [True, False])
def test_hugging_face_calls_it_so(run, first):
    """A stub of its handler: three positional arguments, others by name, and what is returned replaces the control."""
    callback = documented("Hugging Face", object, run.recorder)
    state = SimpleNamespace(global_step=0, is_world_process_zero=first)
    others = {"model": run.net, "processing_class": None, "optimizer": None, "lr_scheduler": None}
    for step in range(12):
        state.global_step = step
        assert callback.on_step_begin(object(), state, object(), **others) is None
    state.global_step = 12
    assert callback.on_train_end(object(), state, object(), **others) is None
    if first:
        assert [record["step"] for record in read_run(run.recorder.path)] == [0, 1, 4, 10, 12]
    else:
        assert not run.recorder.path.exists()


def test_a_step_is_measured_once(run, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "optima.measures.recorder.measure", lambda *_, **__: calls.append(1) or SimpleNamespace(as_dict=dict)
    )
    for step in (0, 0, 1, 1, 1, 2, 0):
        run.recorder(step)
    # Step 0 comes again where a run starts anew.
    assert len(calls) == 3


@pytest.mark.slow
@pytest.mark.needs("lightning")
@pytest.mark.filterwarnings("ignore")
def test_lightning_itself(run, tmp_path):
    import lightning
    import torch

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = run.net

        def training_step(self, batch, index):
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.5, weight_decay=1e-3)

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(run.x, run.y), batch_size=6)
    callback = documented("Lightning", lightning.pytorch.callbacks.Callback, run.recorder)
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        max_epochs=6, accumulate_grad_batches=2, callbacks=[callback], default_root_dir=tmp_path, **options
    )
    trainer.fit(Module(), loader)
    records = read_run(run.recorder.path)
    assert [record["step"] for record in records] == [0, 1, 4, 10, 12]
    assert records[-1]["data_loss"] < records[0]["data_loss"]
    assert run.net.training


@pytest.mark.slow
@pytest.mark.needs("transformers")
@pytest.mark.needs("accelerate")
@pytest.mark.filterwarnings("ignore")
def test_hugging_face_itself(tmp_path):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=K
    )
    model = transformers.BertForSequenceClassification(config)
    y = torch.arange(24) % K
    rows = [{"input_ids": torch.full((4,), int(label) + 3), "labels": label} for label in y]
    loader = torch.utils.data.DataLoader(rows, batch_size=6)
    recorder = optima.Recorder(tmp_path / "run.json", model, loader, per_decade=2, reg=1e-3)
    callback = documented("Hugging Face", transformers.TrainerCallback, recorder)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=12, per_device_train_batch_size=6, gradient_accumulation_steps=2,
        save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, learning_rate=1e-3,
    )  # fmt: skip
    transformers.Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[callback]).train()
    records = read_run(recorder.path)
    assert [record["step"] for record in records] == [0, 1, 4, 10, 12]
    assert records[-1]["data_loss"] < records[0]["data_loss"]
    assert records[-1]["layers"][-1]["name"] == "classifier"
