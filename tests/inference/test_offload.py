"""GPU rungs, reckoned from what a machine says of itself: the machines here are made up, the reckoning is real."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from memcli.errors import ModelError
from memcli.inference import catalog, layers, loading, machine, offload, sizes, window
from memcli.inference.attention import PLAIN, SHORT_KEYS
from memcli.inference.chat import LlamaChat
from memcli.inference.machine import Device, Machine
from memcli.inference.offload import Trial, best_rung, notes
from memcli.inference.records import Attempt, Probe
from memcli.inference.rungs import CPU, CPU_PLAIN, GPU, Wishes, ladder, part, rung_named
from memcli.inference.sizes import ModelSizes, sizes_of
from memcli.inference.speeds import Speeds
from memcli.paths import Paths
from tests.inference import gguf_files

GB = 10**9
WINDOW = 4096
# The proportions of an 8B model in 4 bits: 32 layers of 136 MB, 4 KB a token and layer in the cache.
MODEL = ModelSizes((136_000_000,) * 32, 431_000_000, (4096,) * 32, 32, 128_256, 131_072, 4_800_000_000, 8_030_000_000)
WHOLE = 32 * (136_000_000 + 4096 * WINDOW) + 431_000_000  # 5.3 GB with the cache


def gpu(free: float, total: float | None = None, *, kind: str = "gpu", name: str = "CUDA0") -> Device:
    return Device(name, "Some card", kind, int(free * GB), int((total or free) * GB))


def having(*devices: Device, supports: bool = True) -> Machine:
    processor = Device("CPU", "Some processor", "cpu", 16 * GB, 16 * GB)
    return Machine((*devices, processor), supports, ("CUDA", "CPU") if supports else ("CPU",))


def names(here: Machine, wishes: Wishes | None = None, of: ModelSizes | None = MODEL) -> list[str]:
    return [rung.name for rung in ladder(here, of, wishes or Wishes()).rungs]


class Runner:
    """Answers for the probe process: the rungs named in `failing` fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.asked: list[str] = []

    def __call__(self, trial: Trial) -> Attempt:
        name = trial.rung.name
        self.asked.append(name)
        return Attempt(name, name not in self.failing, "out of memory" if name in self.failing else "", 0.1)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data", tmp_path / "config", tmp_path / "cache", tmp_path / "state")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.gguf"
    return gguf_files.llama(file, layers=32, layer_bytes=136_000_000 // 64 * 64, output_bytes=320_000_000)


# --- which rungs there are --------------------------------------------------------------------------------------------


def test_a_gpu_with_room_for_the_whole_model_is_tried_first() -> None:
    assert names(having(gpu(24))) == ["gpu", "gpu-24", "gpu-16", "cpu", "cpu-plain"]


def test_a_gpu_with_less_room_gets_as_many_layers_as_fit_and_the_reason_is_told() -> None:
    found = ladder(having(gpu(4)), MODEL, Wishes())
    assert [rung.name for rung in found.rungs] == ["gpu-14", "gpu-10", "gpu-7", "cpu", "cpu-plain"]
    assert found.left_out == (("gpu", "needs 5.9 GB on the GPU, where 3.0 GB can be used"),)


def test_a_gpu_without_room_for_a_layer_is_not_tried() -> None:
    assert names(having(gpu(0.4))) == ["cpu", "cpu-plain"]


@pytest.mark.parametrize("kind", ["cpu", "accelerator", "unknown"])
def test_a_device_that_is_no_gpu_makes_no_gpu_rung(kind: str) -> None:
    assert names(having(gpu(24, kind=kind))) == ["cpu", "cpu-plain"]


def test_a_build_without_offload_makes_no_gpu_rung() -> None:
    assert names(having(gpu(24), supports=False)) == ["cpu", "cpu-plain"]


def test_an_integrated_gpu_counts_only_where_there_is_no_other() -> None:
    inside, card = gpu(8, kind="integrated", name="Vulkan1"), gpu(24)
    assert having(inside).gpus == (inside,)
    assert having(inside, card).gpus == (card,)
    assert having(inside, gpu(8, kind="integrated")).gpus == (inside,)


def test_a_model_whose_sizes_are_unknown_is_tried_on_the_gpu_as_a_whole() -> None:
    assert names(having(gpu(4)), of=None) == ["gpu", "cpu", "cpu-plain"]


def test_a_number_of_layers_that_the_user_sets_is_tried_before_the_processor_and_nothing_else() -> None:
    assert names(having(gpu(4)), Wishes(gpu_layers=20)) == ["gpu-20", "cpu", "cpu-plain"]
    assert names(having(gpu(4)), Wishes(gpu_layers=0)) == ["cpu", "cpu-plain"]


@pytest.mark.parametrize("layers", [33, 99])
def test_more_layers_than_the_model_has_are_all_of_them(layers: int) -> None:
    assert names(having(gpu(4)), Wishes(gpu_layers=layers))[0] == "gpu"
    assert names(having(gpu(4)), Wishes(gpu_layers=32))[0] == "gpu-32"


def test_rungs_are_found_again_by_their_names() -> None:
    assert [rung_named(rung.name) for rung in (GPU, part(7), CPU, CPU_PLAIN)] == [GPU, part(7), CPU, CPU_PLAIN]
    with pytest.raises(LookupError):
        rung_named("gpu-")


# --- how much fits ----------------------------------------------------------------------------------------------------


def fitting(*gpus: Device, window: int = WINDOW, batch: int = 512, of: ModelSizes = MODEL) -> int:
    return layers.fitting(gpus, of, window=window, batch=batch)


def test_what_fits_stays_within_the_memory_that_may_be_used() -> None:
    for free in range(1, 12):
        card = gpu(free)
        count = fitting(card)
        costs = [weights + kv * WINDOW for weights, kv in zip(MODEL.layers, MODEL.kv, strict=True)] + [MODEL.output]
        taken = sum(costs[-count:]) if count else 0
        assert count == 0 or taken + layers.scratch(MODEL, window=WINDOW, batch=512) <= layers.usable([card])


def test_more_memory_never_means_fewer_layers_and_in_the_end_it_is_all() -> None:
    counts = [fitting(gpu(free / 4)) for free in range(1, 60)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 33)


def test_a_longer_window_leaves_room_for_fewer_layers() -> None:
    assert fitting(gpu(6), window=32_768) < fitting(gpu(6), window=4096)


def test_a_larger_batch_leaves_room_for_fewer_layers() -> None:
    assert fitting(gpu(5), batch=2048) < fitting(gpu(5), batch=128)


def test_memory_that_changes_a_little_asks_for_no_other_number_of_layers() -> None:
    counts = {fitting(gpu(4 + wobble / 100)) for wobble in range(10)}
    assert len(counts) == 1


def test_several_gpus_hold_more_than_the_largest_but_each_only_its_share() -> None:
    assert fitting(gpu(4)) < fitting(gpu(4), gpu(4)) <= 33
    # llama.cpp spreads by free memory: the small card's share must fit it too
    assert fitting(gpu(24), gpu(1.5, 2)) <= fitting(gpu(24)) == 33


def test_a_gpu_that_is_full_takes_no_layers_and_breaks_nothing() -> None:
    assert fitting(gpu(0, 8)) == 0
    assert fitting(gpu(24), gpu(0, 8)) == 33
    assert fitting() == 0


def test_a_small_gpu_keeps_a_quarter_free_and_a_large_one_a_gibibyte() -> None:
    assert layers.usable([gpu(2)]) == 2 * GB * 3 // 4
    assert layers.usable([gpu(24)]) == 24 * GB - (1 << 30)


def test_the_whole_model_is_tried_exactly_where_it_fits() -> None:
    enough = (WHOLE + layers.scratch(MODEL, window=WINDOW, batch=512) + (1 << 30) + 1) / GB
    assert names(having(gpu(enough)))[0] == "gpu"
    assert names(having(gpu(enough - 0.01)))[0] == "gpu-32"


# --- what the file tells ----------------------------------------------------------------------------------------------


PARAMETERS = 2 * 4096 * 32_000 + 3 * 2 * 4096 * 4096  # of three layers


def test_a_models_sizes_are_read_from_the_head_of_its_file(tmp_path: Path) -> None:
    found = sizes_of(gguf_files.llama(tmp_path / "m.gguf", layers=3, layer_bytes=640, output_bytes=320))
    assert found == ModelSizes((640,) * 3, 320, (4096,) * 3, 32, 32_000, 131_072, 3 * 640 + 2 * 320, PARAMETERS)


def test_a_tensor_with_two_tasks_counts_for_the_output_too(tmp_path: Path) -> None:
    found = sizes_of(gguf_files.llama(tmp_path / "m.gguf", layers=1, layer_bytes=640, output_bytes=320, tied=True))
    assert found is not None
    assert (found.output, found.weights) == (320, 960)


def test_layers_with_caches_of_different_size_are_told_apart(tmp_path: Path) -> None:
    meta: dict[str, gguf_files.Value] = {
        "general.architecture": "hybrid",
        "hybrid.block_count": 3,
        "hybrid.embedding_length": 64,
        "hybrid.attention.head_count": 4,
        "hybrid.attention.head_count_kv": [4, 0, 2],
        "hybrid.attention.key_length": 8,
    }
    found = sizes_of(gguf_files.write(tmp_path / "m.gguf", meta, {"token_embd.weight": ((64, 10), 32)}))
    assert found is not None
    assert found.kv == (128, 0, 64)
    assert found.layers == (0, 0, 0)


def test_a_model_in_several_files_is_summed_up_and_a_missing_one_gives_no_sizes(tmp_path: Path) -> None:
    first = gguf_files.llama(tmp_path / "m-00001-of-00002.gguf", layers=2, layer_bytes=640, output_bytes=320)
    assert sizes_of(first) is None
    gguf_files.write(tmp_path / "m-00002-of-00002.gguf", {"split.no": 1}, {"blk.1.more.weight": ((8, 8), 96)})
    sizes._sizes.cache_clear()
    found = sizes_of(first)
    assert found is not None
    assert found.layers == (640, 736)


def test_a_file_cut_anywhere_in_its_head_gives_no_sizes_and_no_error(tmp_path: Path) -> None:
    whole = gguf_files.llama(tmp_path / "m.gguf", layers=1, layer_bytes=640, output_bytes=320).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(0, len(whole) - 1300, 997):
        cut.write_bytes(whole[:length])
        assert sizes_of(cut) is None
    assert sizes_of(tmp_path / "none.gguf") is None


def test_a_file_that_does_not_tell_every_layers_cache_gives_no_sizes(tmp_path: Path) -> None:
    meta: dict[str, gguf_files.Value] = {
        "general.architecture": "hybrid",
        "hybrid.block_count": 3,
        "hybrid.embedding_length": 64,
        "hybrid.attention.head_count": 4,
        "hybrid.attention.head_count_kv": [4, 0],
    }
    assert sizes_of(gguf_files.write(tmp_path / "m.gguf", meta, {"token_embd.weight": ((64, 10), 32)})) is None


def test_shards_are_found_whatever_the_case_of_their_suffix(tmp_path: Path) -> None:
    first = gguf_files.llama(tmp_path / "m-00001-of-00002.GGUF", layers=2, layer_bytes=640, output_bytes=320)
    gguf_files.write(tmp_path / "m-00002-of-00002.GGUF", {"split.no": 1}, {"blk.1.more.weight": ((8, 8), 96)})
    found = sizes_of(first)
    assert found is not None
    assert found.layers == (640, 736)


def test_a_length_beyond_the_file_gives_no_sizes(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(struct.pack("<4sIQQQ", b"GGUF", 3, 1, 1, 2**63) + b"x" * 64)
    assert sizes_of(file) is None


def test_a_damaged_number_of_layers_takes_neither_time_nor_memory(tmp_path: Path) -> None:
    meta: dict[str, gguf_files.Value] = {"general.architecture": "x", "x.block_count": 2**32 - 1}
    assert sizes_of(gguf_files.write(tmp_path / "m.gguf", meta, {"token_embd.weight": ((64, 10), 32)})) is None


@pytest.mark.model
def test_the_starters_sizes_are_those_that_llama_cpp_takes(tmp_path: Path) -> None:
    found = catalog.starter()
    assert found is not None
    own = sizes_of(found.path)
    assert own is not None
    model = LlamaChat.load(found.path, context_size=256, log=tmp_path / "log")
    library, handle = model._model.library, model._model.handle
    assert own.weights == pytest.approx(library.llama_model_size(handle), rel=0.001)
    assert (len(own.layers), own.trained, own.vocabulary) == (30, 8192, 49_152)
    assert sum(own.kv) == 23_040  # 90 MiB for a window of 4096, which llama.cpp reports
    model.close()


# --- trying, remembering, telling -------------------------------------------------------------------------------------


def test_layers_that_fail_although_they_should_fit_lead_to_fewer_and_then_to_the_processor(
    model: Path, paths: Paths
) -> None:
    runner = Runner("gpu", "gpu-24")
    found = best_rung(model, paths=paths, run=runner, here=having(gpu(24)))
    assert (found.rung, runner.asked) == (part(16), ["gpu", "gpu-24", "gpu-16"])
    runner = Runner("gpu", "gpu-24", "gpu-16")
    assert best_rung(model, paths=paths, run=runner, here=having(gpu(24)), anew=True).rung == CPU


def test_the_reason_for_a_rung_that_was_not_tried_is_among_those_that_failed(model: Path, paths: Paths) -> None:
    for _ in range(2):  # the second time from the record
        found = best_rung(model, paths=paths, run=Runner(), here=having(gpu(4)))
        assert found.failed[0].rung == "gpu"
        assert "needs" in found.failed[0].reason


def test_a_finding_from_a_free_gpu_is_not_used_when_another_program_holds_it(model: Path, paths: Paths) -> None:
    free, taken = having(gpu(24)), having(gpu(4, 24))
    assert best_rung(model, paths=paths, run=Runner(), here=free).rung == GPU
    runner = Runner()
    assert best_rung(model, paths=paths, run=runner, here=taken).rung.gpu_layers > 0
    assert runner.asked[0].startswith("gpu-")
    runner = Runner()
    assert best_rung(model, paths=paths, run=runner, here=free).rung == GPU
    assert best_rung(model, paths=paths, run=runner, here=taken).rung != GPU
    assert runner.asked == []  # both findings are kept


def test_another_gpu_is_probed_again(model: Path, paths: Paths) -> None:
    best_rung(model, paths=paths, run=Runner("gpu"), here=having(gpu(24)))
    other = having(replace(gpu(24), description="Another card"))
    assert best_rung(model, paths=paths, run=Runner(), here=other).rung == GPU


def test_another_window_is_probed_again_where_other_layers_fit_it(model: Path, paths: Paths) -> None:
    here = having(gpu(8))
    assert best_rung(model, paths=paths, run=Runner(), here=here).rung == GPU
    longer = best_rung(model, paths=paths, wishes=Wishes(65_536), run=Runner(), here=here)
    assert 0 < longer.rung.gpu_layers < 33


@pytest.mark.parametrize("other", [Wishes(512), Wishes(batch=256)])
def test_a_window_or_batch_that_a_gpu_has_not_proved_to_hold_is_probed_again(
    model: Path, paths: Paths, other: Wishes
) -> None:
    here = having(gpu(24))
    best_rung(model, paths=paths, run=Runner(), here=here)
    runner = Runner()
    best_rung(model, paths=paths, wishes=other, run=runner, here=here)
    assert runner.asked == ["gpu"]


def test_an_embedding_model_is_refused_before_it_is_loaded(
    model: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        offload, "best_rung", lambda *_, **__: Probe(GPU, (Attempt("gpu", True, "", 0.1, embeds=True),))
    )
    with pytest.raises(ModelError, match="is an embedding model: it cannot chat"):
        loading.open_chat(model, Wishes(), paths=paths, notice=pytest.fail)


@pytest.mark.model
def test_the_window_is_checked_with_what_a_token_was_found_to_take(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = catalog.starter()
    assert found is not None
    attempt = Attempt("cpu", True, "", 0.1, speeds=Speeds(PLAIN, (), None, 0.1, 1, 10**9, 512))
    monkeypatch.setattr(offload, "best_rung", lambda *_, **__: Probe(CPU, (attempt,)))
    monkeypatch.setattr(machine, "free_memory", lambda: 255 * 10**9)
    with pytest.raises(ModelError, match=r"256 tokens takes 256\.0 GB"):
        loading.open_chat(found.path, Wishes(256), paths=paths, notice=pytest.fail)


def test_main_memory_holds_the_cache_of_the_layers_that_no_gpu_takes() -> None:
    taken = [window.in_main_memory(1000, rung, 32) for rung in (CPU, part(1), part(17), part(33), GPU)]
    assert taken == [1000, 1000, 500, 0, 0]


def test_layers_set_in_vain_are_told_with_the_reason() -> None:
    on_processor = Probe(CPU, (Attempt("cpu", True, "", 0.1),))
    (note,) = notes(on_processor, Wishes(gpu_layers=20), having(supports=False))
    assert "gpu_layers 20 has no effect: this build of llama.cpp has no GPU support" in note
    (note,) = notes(on_processor, Wishes(gpu_layers=20), having())
    assert "built with CUDA and finds no GPU" in note
    failed = Probe(CPU, (Attempt("gpu-20", False, "out of memory", 0.1), *on_processor.attempts))
    (note,) = notes(failed, Wishes(gpu_layers=20), having(gpu(4)))
    assert "out of memory" in note
    assert notes(on_processor, Wishes(), having(supports=False)) == []
    assert notes(on_processor, Wishes(gpu_layers=0), having(supports=False)) == []
    assert notes(Probe(part(20), ()), Wishes(gpu_layers=20), having(gpu(4))) == []


@pytest.mark.model
def test_a_model_that_no_longer_loads_on_the_gpu_runs_on_the_processor_and_says_so(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = catalog.starter()
    assert found is not None
    monkeypatch.setattr(offload, "best_rung", lambda *_, **__: Probe(GPU, (Attempt("gpu", True, "", 0.1),)))
    load = LlamaChat.load

    def full(path: Path, **settings: object) -> LlamaChat:
        if settings["rung"] == GPU:
            raise ModelError("no memory")
        return load(path, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(LlamaChat, "load", full)
    told: list[str] = []
    loading.open_chat(found.path, Wishes(256), paths=paths, notice=told.append).close()
    assert told == ["the model does not load on the GPU at this moment (no memory): trying the processor"]


@pytest.mark.model
def test_a_chat_computes_attention_the_way_that_was_measured_best(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = catalog.starter()
    assert found is not None
    speeds = Speeds(SHORT_KEYS, (), None, 0.1, 1, 1, 512)
    attempt = Attempt("cpu", True, "", 0.1, speeds=speeds)
    monkeypatch.setattr(offload, "best_rung", lambda *_, **__: Probe(CPU, (attempt,)))
    chat = loading.open_chat(found.path, Wishes(256), paths=paths, notice=pytest.fail)
    assert chat.attention == SHORT_KEYS
    chat.close()
    monkeypatch.setattr(offload, "best_rung", lambda *_, **__: Probe(CPU, (replace(attempt, speeds=None),)))
    chat = loading.open_chat(found.path, Wishes(256), paths=paths, notice=pytest.fail)
    assert chat.attention == PLAIN
    chat.close()


# --- what the machine tells -------------------------------------------------------------------------------------------


def test_a_containers_limit_is_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   80 kB\n",
        "/sys/fs/cgroup/memory.max": "50000\n",
        "/sys/fs/cgroup/memory.current": "30000\n",
        "/sys/fs/cgroup/memory.stat": "anon 10000\nfile 5000\n",
    }

    def read(self: Path, *_: object, **__: object) -> str:
        try:
            return files[str(self)]
        except KeyError:
            raise FileNotFoundError from None

    monkeypatch.setattr(Path, "read_text", read)
    assert machine.free_memory() == 25_000
    assert machine.total_memory() == 50_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert machine.free_memory() == 80 * 1024
    assert (machine.total_memory() or 0) > 50_000
    files.clear()
    assert machine.free_memory() is None
