"""Fetching: over a real web server that offers the right thing, the wrong thing, half of it, or nothing."""

from __future__ import annotations

import hashlib
import resource
import socket
import threading
from dataclasses import replace

import pytest

from models.errors import (
    FetchBusy,
    FetchFailed,
    ModelDamaged,
    ModelMismatch,
    ModelMissing,
    StorageProblem,
)
from models.fetch import fetch, import_file
from models.files import verify
from models.manifest import OutputSpec


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def old_model(folder, tiny):
    """Another file that is in the model's place already."""
    folder.mkdir()
    path = folder / tiny.spec.file
    path.write_bytes(b"the model of last year")
    return path


def only_failure(caught):
    assert len(caught.value.failures) == 1
    return caught.value.failures[0].reason


def test_a_model_is_downloaded_once_and_leaves_nothing_else(tiny, shelf, folder, quick):
    """The model lands in the folder with the right bytes, and a second fetch does not touch the network."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    assert fetch(spec, folder, limits=quick) == folder / "tiny.tflite"
    assert (folder / "tiny.tflite").read_bytes() == tiny.content
    fetch(spec, folder, limits=quick)
    assert shelf.asked == [""]
    assert sorted(path.name for path in folder.iterdir()) == [".fetch.lock", "tiny.tflite"]


def test_progress_rises_to_the_total(tiny, shelf, folder, quick):
    """The progress callback sees 0 first, the whole length last, and never goes back."""
    seen = []
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    fetch(spec, folder, limits=quick, progress=lambda done, total: seen.append((done, total)))
    done = [entry[0] for entry in seen]
    assert seen[0] == (0, spec.size_bytes)
    assert seen[-1] == (spec.size_bytes, spec.size_bytes)
    assert done == sorted(done)
    assert len(done) > 3


def test_a_cut_connection_is_continued_where_it_broke_off(tiny, shelf, folder, quick):
    """After cuts in mid-body only the missing bytes are asked for, within the same call."""
    shelf.cut_after = [98_304, 49_152]
    fetch(tiny.sources(shelf.offer("tiny.tflite", tiny.content)), folder, limits=quick)
    assert verify(tiny.spec, folder).read_bytes() == tiny.content
    assert shelf.asked == ["", "bytes=98304-", "bytes=147456-"]


def test_a_later_call_continues_what_an_earlier_one_began(tiny, shelf, folder, quick):
    """A fetch that failed half-way leaves its part behind, and the next call goes on from there."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    shelf.cut_after = [196_608]
    with pytest.raises(FetchFailed):
        fetch(spec, folder, limits=replace(quick, attempts=1))
    fetch(spec, folder, limits=quick)
    assert shelf.asked == ["", "bytes=196608-"]


def test_a_server_without_ranges_is_read_from_the_start(tiny, shelf, folder, quick):
    """A server that ignores Range sends everything again, and the file is right nevertheless."""
    shelf.ranges = False
    shelf.cut_after = [98_304]
    fetch(tiny.sources(shelf.offer("tiny.tflite", tiny.content)), folder, limits=quick)
    assert verify(tiny.spec, folder).read_bytes() == tiny.content
    assert shelf.asked == ["", "bytes=98304-"]


def test_a_file_that_changed_on_the_server_is_read_from_the_start(tiny, shelf, folder, quick):
    """Half of one file and half of another are never put together: the entity tag tells."""
    spec = tiny.sources(shelf.offer("tiny.tflite", bytes(len(tiny.content))))
    shelf.cut_after = [98_304]
    with pytest.raises(FetchFailed):
        fetch(spec, folder, limits=replace(quick, attempts=1))
    shelf.offer("tiny.tflite", tiny.content)
    shelf.etag = '"2"'
    fetch(spec, folder, limits=quick)
    assert shelf.asked == ["", "bytes=98304-", ""]


def test_a_wrong_range_in_the_answer_is_noticed(tiny, shelf, folder, quick):
    """A server that answers with other bytes than were asked for is not believed."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    shelf.cut_after = [98_304]
    shelf.shift = 7
    fetch(spec, folder, limits=quick)
    assert shelf.asked == ["", "bytes=98304-", ""]
    assert verify(spec, folder) == folder / "tiny.tflite"


def test_a_changed_file_without_a_tag_is_caught_by_its_hash_and_forgotten(tiny, shelf, folder, quick):
    """Where the server gives no validator, a mixed file is refused by its hash and the next call is right."""
    shelf.etag = ""
    spec = tiny.sources(shelf.offer("tiny.tflite", bytes(len(tiny.content))))
    shelf.cut_after = [98_304]
    with pytest.raises(FetchFailed):
        fetch(spec, folder, limits=replace(quick, attempts=1))
    shelf.offer("tiny.tflite", tiny.content)
    with pytest.raises(FetchFailed) as caught:
        fetch(spec, folder, limits=quick)
    assert "sha256" in only_failure(caught)
    fetch(spec, folder, limits=quick)
    assert verify(spec, folder) == folder / "tiny.tflite"


def test_a_part_that_is_complete_is_not_asked_for_again(tiny, shelf, folder, quick, make_model):
    """A call that was ended between download and installation costs no second download."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    shelf.cut_after = [98_304]
    with pytest.raises(FetchFailed):
        fetch(spec, folder, limits=replace(quick, attempts=1))
    (part,) = folder.glob("*.part")
    part.write_bytes(tiny.content)
    fetch(spec, folder, limits=quick)
    assert shelf.asked == [""]


def test_a_wrong_hash_is_refused_and_the_old_model_kept(tiny, shelf, folder, old_model, quick):
    """A file of the right length with other bytes never reaches the model's place."""
    altered = tiny.content[:-1] + bytes([tiny.content[-1] ^ 1])
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(shelf.offer("tiny.tflite", altered)), folder, limits=quick)
    assert f"its sha256 is {hashlib.sha256(altered).hexdigest()}" in only_failure(caught)
    assert old_model.read_bytes() == b"the model of last year"
    assert not list(folder.glob("*.part"))
    assert not list(folder.glob("*.new"))


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (None, "it offers 100,000 bytes where the model has [0-9,]+: this is another file"),
        (-1, "something that was refused: it has 100,000 bytes instead of"),
    ],
    ids=["with length", "without length"],
)
def test_a_truncated_file_is_refused_and_the_old_model_kept(tiny, shelf, old_model, claim, reason):
    """A file that the server itself has only half of is named as another file, or as one too short."""
    shelf.claim = claim
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content[:100_000]))
    with pytest.raises(FetchFailed, match=reason):
        fetch(spec, old_model.parent)
    assert old_model.read_bytes() == b"the model of last year"


def test_a_certificate_that_is_not_trusted_is_told(tiny, secure_shelf, folder, quick, monkeypatch):
    """An https source with a strange certificate is passed over; with its authority known, it delivers."""
    shelf, authority = secure_shelf
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    with pytest.raises(FetchFailed) as caught:
        fetch(spec, folder, limits=quick)
    assert only_failure(caught) == "its certificate was refused (is the clock right?)"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    assert fetch(spec, folder, limits=quick).read_bytes() == tiny.content


@pytest.mark.parametrize("claim", [None, -1], ids=["with length", "without length"])
def test_a_file_that_is_too_long_is_not_taken_in(tiny, shelf, folder, quick, claim):
    """A server that sends more than the model's length is cut off, whether or not it says so beforehand."""
    shelf.claim = claim
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(shelf.offer("tiny.tflite", tiny.content + bytes(5_000_000))), folder, limits=quick)
    assert "more than" in only_failure(caught)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000


def test_a_model_with_other_tensors_is_refused_and_the_old_one_kept(tiny, shelf, folder, old_model, quick):
    """A file with the right hash whose tensors are not the manifest's is not installed."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    spec = replace(spec, output=OutputSpec(kind="nms", rows=20))
    with pytest.raises(ModelMismatch, match=r"float32\[1, 1, 4\].*the manifest says float32\[1, 20, 4\]"):
        fetch(spec, folder, limits=quick)
    assert old_model.read_bytes() == b"the model of last year"


def test_something_that_is_no_model_is_refused_though_the_hash_fits(tiny, shelf, folder, old_model, quick):
    """A manifest that names a web page's hash does not make it a model."""
    page = b"<html>" * 1000
    spec = tiny.sources(shelf.offer("tiny.tflite", page))
    spec = replace(spec, sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))
    with pytest.raises(ModelDamaged, match="does not accept"):
        fetch(spec, folder, limits=quick)
    assert old_model.read_bytes() == b"the model of last year"


def test_an_old_model_is_replaced_once_the_new_one_is_right(tiny, shelf, folder, old_model, quick):
    """What is in the model's place and is not the model is fetched anew."""
    fetch(tiny.sources(shelf.offer("tiny.tflite", tiny.content)), folder, limits=quick)
    assert old_model.read_bytes() == tiny.content


def test_a_stalling_server_is_left_after_the_time_out(tiny, shelf, folder, quick):
    """A server that goes silent in mid-body costs the read time-out and is then named in the failure."""
    shelf.stall_after = 50_000
    with pytest.raises(FetchFailed) as caught:
        fetch(
            tiny.sources(shelf.offer("tiny.tflite", tiny.content)), folder, limits=replace(quick, attempts=1)
        )
    assert only_failure(caught) == "no bytes for 0.5 s"


def test_a_download_that_trickles_has_an_end(tiny, shelf, folder, quick):
    """However steadily a source delivers, the whole may only take so long."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    with pytest.raises(FetchFailed) as caught:
        fetch(spec, folder, limits=replace(quick, total_s=0))
    assert "not complete after 0 s" in only_failure(caught)


def test_a_port_that_never_answers_costs_only_the_connect_time_out(tiny, folder, quick):
    """A listener whose queue is full, which is how a dead host looks, is passed over after connect_s."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            spec = tiny.sources(f"http://127.0.0.1:{port}/tiny.tflite")
            with pytest.raises(FetchFailed) as caught:
                fetch(spec, folder, limits=replace(quick, connect_s=0.3))
        finally:
            for filler in fillers:
                filler.close()
    assert only_failure(caught) == "no connection within 0.3 s"


def test_each_source_is_tried_and_each_failure_is_told(tiny, shelf, folder, quick):
    """When nothing works the message has one line for each source, in order, and what to do."""
    gone = f"{shelf.url}/gone"
    nowhere = "https://nobody.invalid/tiny.tflite"
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(nowhere, gone), folder, limits=quick)
    lines = str(caught.value).splitlines()
    assert lines[1].startswith(f"  1. {nowhere}: ")
    assert "online?" in lines[1]
    assert lines[2] == f"  2. {gone}: the server answered 404 Not Found."
    assert "import the file" in lines[3]


def test_the_second_source_is_used_when_the_first_fails(tiny, shelf, folder, quick):
    """Sources given by the caller replace the manifest's and are tried in their order."""
    sources = [f"{shelf.url}/gone", shelf.offer("tiny.tflite", tiny.content)]
    fetch(tiny.spec, folder, sources=sources, limits=quick)
    assert [path for path, _ in shelf.seen] == ["/gone", "/tiny.tflite"]
    assert verify(tiny.spec, folder) == folder / "tiny.tflite"


def test_a_model_in_a_folder_that_cannot_be_written_is_found_there(tiny, folder, quick):
    """A model that somebody else installed, read-only, needs no lock and no download."""
    (folder / ".fetch.lock").mkdir(parents=True)
    (folder / "tiny.tflite").write_bytes(tiny.content)
    assert fetch(tiny.spec, folder, limits=quick) == folder / "tiny.tflite"


def test_two_fetches_at_once_download_once(tiny, shelf, folder, quick):
    """The second caller waits for the first and finds the model there."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(fetch(spec, folder, limits=quick)), name=f"fetch-{n}")
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [folder / "tiny.tflite"] * 3
    assert shelf.asked == [""]


def test_a_fetch_that_waits_too_long_for_another_says_so(tiny, shelf, folder, quick):
    """While somebody else holds the folder, a fetch gives up after lock_s with a sentence."""
    shelf.stall_after = 1000
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    waiting = threading.Event()

    def hold():
        with pytest.raises(FetchFailed):
            fetch(spec, folder, limits=replace(quick, read_s=10), progress=lambda *_: waiting.set())

    holder = threading.Thread(target=hold, name="holder")
    holder.start()
    assert waiting.wait(5)
    with pytest.raises(FetchBusy, match="Another fetch"):
        fetch(spec, folder, limits=replace(quick, lock_s=0.2))
    shelf.released.set()
    holder.join(10)
    assert not holder.is_alive()


def test_a_folder_that_cannot_be_made_is_told(tiny, tmp_path, quick):
    """A path below a plain file is a storage problem with the folder's name in it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageProblem, match=r"The model folder .*file/models cannot be used"):
        fetch(tiny.spec, tmp_path / "file" / "models", limits=quick)


def test_a_disk_without_room_is_told_and_the_old_model_kept(tiny, shelf, folder, old_model, quick):
    """A write that the system refuses ends the fetch with a sentence; what was there stays."""
    spec = tiny.sources(shelf.offer("tiny.tflite", tiny.content))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageProblem, match="cannot be used"):
            fetch(spec, folder, limits=quick)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert old_model.read_bytes() == b"the model of last year"


def test_a_source_in_no_known_notation_is_refused_before_anything_happens(tiny, folder, quick):
    """A source that the caller mistyped is an error of its own, not a failed download."""
    with pytest.raises(ValueError, match="neither"):
        fetch(tiny.spec, folder, sources=["ftp://host/file"], limits=quick)
    assert not folder.exists()


def test_a_file_from_elsewhere_is_imported(tiny, tmp_path, folder, quick):
    """A file that was carried here is installed and the original stays."""
    stick = tmp_path / "stick.bin"
    stick.write_bytes(tiny.content)
    assert import_file(tiny.spec, stick, folder, limits=quick) == folder / "tiny.tflite"
    assert verify(tiny.spec, folder).read_bytes() == stick.read_bytes()


def test_a_wrong_file_is_not_imported(tiny, tmp_path, folder, old_model, quick):
    """Importing checks the bytes first and keeps what was there."""
    stick = tmp_path / "stick.bin"
    stick.write_bytes(tiny.content[:-10])
    with pytest.raises(ModelDamaged, match="instead of"):
        import_file(tiny.spec, stick, folder, limits=quick)
    assert old_model.read_bytes() == b"the model of last year"


def test_an_import_of_nothing_is_told(tiny, tmp_path, folder, quick):
    """A path without a file is named."""
    with pytest.raises(ModelMissing, match=r"no model at .*gone\.bin"):
        import_file(tiny.spec, tmp_path / "gone.bin", folder, limits=quick)


def test_verify_tells_missing_from_damaged(tiny, folder):
    """A missing file, a short one, an altered one and the right one are told apart."""
    with pytest.raises(ModelMissing, match="tuquan model fetch tiny"):
        verify(tiny.spec, folder)
    folder.mkdir()
    path = folder / "tiny.tflite"
    path.write_bytes(b"short")
    with pytest.raises(ModelDamaged, match="5 bytes instead of"):
        verify(tiny.spec, folder)
    path.write_bytes(bytes(len(tiny.content)))
    with pytest.raises(ModelDamaged, match="sha256"):
        verify(tiny.spec, folder)
    path.write_bytes(tiny.content)
    assert verify(tiny.spec, folder) == path


def test_verify_of_something_that_is_not_a_file_is_told(tiny, folder):
    """A folder in the model's place is a storage problem, not a traceback."""
    (folder / "tiny.tflite").mkdir(parents=True)
    with pytest.raises((StorageProblem, ModelDamaged), match=r"tiny\.tflite"):
        verify(tiny.spec, folder)
