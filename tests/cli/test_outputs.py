"""Every command that writes a file: full disks, devices and links."""

import os
import resource
import stat
from contextlib import contextmanager

import pytest

from optima import DeepUFM, solve
from optima.atlas import Record, Store

SOLVE = ["solve", "--classes", "4", "--depth", "2", "--reg", "2^-10", "--effort", "quick"]
TRAIN = ["train", "--classes", "3", "--depth", "1", "--width", "3", "--reg", "0.1", "--steps", "20", "--seeds", "1"]
TRAIN += ["--no-polish"]
TABLE = ["table", "--classes", "4", "--depths", "2", "--regs", "1e-3"]
CERTIFY = ["certify", "--classes", "3", "--depth", "1", "--reg", "0.1"]
# The command, the option of its output, and the ending that this needs.
WRITERS = {
    "solution": (SOLVE, "--save", "npz"),
    "png": (SOLVE, "--plot", "png"),
    "pdf": (SOLVE, "--plot", "pdf"),
    "svg": (SOLVE, "--plot", "svg"),
    "certificate": (CERTIFY, "--save", "npz"),
    "curves": (TRAIN, "--plot", "png"),
    "checkpoint": (TRAIN, "--checkpoint", "npz"),
    "csv": (TABLE, "--out", "csv"),
    "json": (TABLE, "--out", "json"),
    "parquet": (TABLE, "--out", "parquet"),
    "export": (["atlas", "export", "ATLAS"], "--out", "csv"),
    "netcdf": (["atlas", "export", "ATLAS", "--format", "netcdf"], "--out", "nc"),
    "page": (["atlas", "page", "ATLAS"], "--out", "html"),
    "report": (["check", "model.samples"], "--report", "html"),
    "markdown": (["check", "model.samples"], "--report", "md"),
}


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas") / "atlas.sqlite"
    with Store(path, write=True) as store:
        store.put([Record.of(solve(DeepUFM(3, 2, 1e-2), effort="quick"))])
    return path


LIBRARIES = {"netcdf": [pytest.mark.needs("xarray"), pytest.mark.needs("netCDF4")]}


@pytest.fixture(params=[pytest.param(name, marks=LIBRARIES.get(name, [])) for name in WRITERS])
def writer(request, atlas):
    """The arguments for a path, and the ending of its name."""
    command, option, ending = WRITERS[request.param]
    command = [str(atlas) if word == "ATLAS" else word for word in command]
    force = [] if option == "--checkpoint" else ["--force"]
    return lambda path: [*command, option, path, *force], ending


@contextmanager
def file_limit(size):
    """No file of this process grows beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(result):
    code, _, err = result
    assert code == 2
    assert err.startswith("optima: ")
    assert err.count("\n") == 1


def test_without_room_the_old_file_stays(call, writer, tmp_path):
    arguments, ending = writer
    path = tmp_path / f"file.{ending}"
    assert call(*arguments(path))[0] == 0
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    with file_limit(20):
        refused(call(*arguments(path)))
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_without_room_no_new_file_is_left(call, writer, tmp_path):
    arguments, ending = writer
    with file_limit(20):
        refused(call(*arguments(tmp_path / f"file.{ending}")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["null", "full"])
def test_a_device_stays_and_so_does_the_link_to_it(call, writer, tmp_path, device):
    arguments, ending = writer
    path = tmp_path / f"file.{ending}"
    path.symlink_to(f"/dev/{device}")
    result = call(*arguments(path))
    assert result[0] == (0 if device == "null" and ending != "parquet" else 2)
    assert "Traceback" not in result[2]
    assert os.readlink(path) == f"/dev/{device}"
    assert stat.S_ISCHR(os.stat(f"/dev/{device}").st_mode)


def test_a_link_stays_and_its_file_is_replaced(call, writer, tmp_path):
    arguments, ending = writer
    (tmp_path / "folder").mkdir()
    path, target = tmp_path / f"file.{ending}", tmp_path / "folder" / "target"
    if arguments(path)[-1] == "--force":
        target.write_bytes(b"old")
    path.symlink_to(target)
    assert call(*arguments(path))[0] == 0
    assert path.is_symlink()
    assert target.read_bytes() not in (b"", b"old")


@pytest.mark.parametrize("command", [["export"], ["export", "--trained"], ["page"], ["export", "--format", "netcdf"]])
def test_an_atlas_is_not_replaced_by_what_is_made_of_it(call, atlas, tmp_path, command):
    link = tmp_path / "link"
    link.symlink_to(atlas)
    before = atlas.read_bytes()
    refused(call("atlas", command[0], atlas, *command[1:], "--out", link, "--force"))
    assert atlas.read_bytes() == before


def test_an_atlas_is_not_replaced_by_the_data_of_a_diagram(call, atlas, tmp_path):
    store = tmp_path / "x.csv"
    store.write_bytes(atlas.read_bytes())
    refused(call("phase", "--store", store, "--out", tmp_path / "x.svg", "--force"))
    assert store.read_bytes() == atlas.read_bytes()
