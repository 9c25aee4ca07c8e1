"""The page's server: strangers, other pages, and what those who are in can do."""

from __future__ import annotations

import time

import numpy as np
import pytest
import requests

from edge.looks import LookLog
from edge.preview import Preview, PreviewWriter
from edge.setup import configfile
from models.detection import Detection
from tests.edge.setup.eye import person

OPEN = ("", "static/page.css", "static/main.js", "api/session")
READ = ("api/now", "api/picture", "api/configuration", "api/versions", "notice")
CHANGE = ("api/check", "api/try", "api/save", "api/restore", "api/leave")


def get(served, path, **kwargs):
    return requests.get(f"{served.url}{path}", timeout=5, **kwargs)


@pytest.mark.parametrize("path", OPEN)
def test_strangers_see_the_empty_page(served, path):
    """And nothing of the node in it."""
    answer = get(served, path)
    assert answer.status_code == 200
    assert "phuong-thu" not in answer.text
    assert "Chợ, cổng" not in answer.text


@pytest.mark.parametrize("path", READ)
def test_strangers_get_no_picture_and_no_name(served, path):
    """Neither with nothing, nor with a cookie that they made up."""
    assert get(served, path).status_code == 401
    assert get(served, path, cookies={"tuquan-setup": "x"}).status_code == 401


@pytest.mark.parametrize("path", CHANGE)
def test_a_change_needs_the_session_and_its_second_secret(served, path):
    """A cookie alone, as another page could have the browser send it, changes nothing."""
    assert requests.post(f"{served.url}{path}", json={}, timeout=5).status_code == 401
    caller = served.come_in()
    del caller.headers["X-Tuquan-Csrf"]
    assert caller.post(f"{served.url}{path}", json={}, timeout=5).status_code == 403
    assert (
        caller.post(f"{served.url}{path}", json={}, headers={"X-Tuquan-Csrf": "y"}, timeout=5).status_code
        == 403
    )


def test_a_change_from_another_page_is_refused(served):
    """The browser says where it comes from."""
    caller = served.come_in()
    answer = caller.post(
        f"{served.url}api/check", json={}, headers={"Origin": "http://evil.example"}, timeout=5
    )
    assert (answer.status_code, answer.json()["error"]) == (403, "origin")


def test_a_name_that_leads_here_from_elsewhere_is_not_answered(served):
    """DNS rebinding: a page of a stranger's name must not reach a node behind it."""
    assert get(served, "", headers={"Host": "evil.example:8440"}).status_code == 421


def test_every_answer_says_what_a_browser_may_do_with_it(served):
    """Errors too: no script but ours, no frame around it, nothing kept."""
    for path in ("", "static/nothing.js", "api/now", "nowhere"):
        headers = get(served, path).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_cookie_is_out_of_reach_for_scripts_and_other_pages(served):
    """HttpOnly and SameSite=Strict."""
    answer = requests.post(f"{served.url}api/enter", json={"code": served.access.renew()}, timeout=5)
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_guessing_locks_the_door(served):
    """The fifth wrong code within seconds is answered with how long to wait; so is the right one then."""
    code = served.access.renew()
    answers = [
        requests.post(f"{served.url}api/enter", json={"code": "AAAA-AAAA"}, timeout=5) for _ in range(5)
    ]
    assert [answer.status_code for answer in answers] == [403] * 4 + [429]
    late = requests.post(f"{served.url}api/enter", json={"code": code}, timeout=5)
    assert late.status_code == 429
    assert 0 < int(late.headers["Retry-After"]) <= 300


@pytest.mark.parametrize(
    "path", ["static/../desk.py", "static/..%2fdesk.py", "static/%2e%2e/site.py", "static/"]
)
def test_no_path_leads_out_of_the_pages_folder(served, path):
    """Only the page's own files are served."""
    assert get(served, path).status_code == 404


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"zone": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"x" * 300_000, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b'{"zone": 3}', "application/json", 400),
    ],
)
def test_rubbish_is_refused(served, body, kind, status):
    """With a status that says why; the server goes on."""
    caller = served.come_in()
    answer = caller.post(f"{served.url}api/check", data=body, headers={"Content-Type": kind}, timeout=5)
    assert answer.status_code == status
    assert get(served, "").status_code == 200


def draft_of(caller, served):
    found = caller.get(f"{served.url}api/configuration", timeout=5).json()
    return found["revision"], {key: found[key] for key in ("mask", "zone", "line", "rule")} | {
        "thresholds": {}
    }


def test_problems_come_with_their_place_in_both_languages(served):
    """A zone that crosses itself, a rule without its zone: both at once."""
    caller = served.come_in()
    _, draft = draft_of(caller, served)
    draft["zone"][0]["points"] = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]
    draft["rule"].append({"kind": "crossing", "line": "Vạch"})
    found = caller.post(f"{served.url}api/check", json=draft, timeout=5).json()
    assert not found["right"]
    said = {problem["path"]: problem for problem in found["problems"] if not problem["warning"]}
    assert set(said) == {"zone[0].points", "rule[1].line"}
    assert "crosses itself" in said["zone[0].points"]["en"]
    assert "tự cắt nhau" in said["zone[0].points"]["vi"]


def test_faults_and_refusals_come_in_both_languages(served, run):
    """Whatever the node has to say to somebody on the page."""
    PreviewWriter(run).publish(
        np.zeros((24, 32, 3), np.uint8),
        Preview(at_ns=time.monotonic_ns(), faults=["It is too dark for the camera to see anything."]),
    )
    caller = served.come_in()
    (fault,) = caller.get(f"{served.url}api/now", timeout=5).json()["faults"]
    assert fault["en"].startswith("It is too dark")
    assert fault["vi"].startswith("Tối quá")
    answer = caller.post(f"{served.url}api/check", json={"zone": 3}, timeout=5).json()
    assert answer["en"].startswith("zone is a list")
    assert "tải lại trang" in answer["vi"]


def test_what_is_wrong_in_the_file_is_shown_as_the_file_has_it(served, file):
    """A label that no model knows can be taken away only where it stands; a threshold likewise."""
    text = file.read_text(encoding="utf-8").replace(
        'kind = "intrusion"', 'kind = "intrusion"\nlabels = ["person", "unicorn", 5]'
    )
    file.write_text(text + '\n[tracker]\nmin_score = 7.0\n[motion]\nsensitivity = "hihg"\n', encoding="utf-8")
    found = served.come_in().get(f"{served.url}api/configuration", timeout=5).json()
    assert {"label": "unicorn", "vi": "unicorn", "en": "unicorn"} in found["labels"]
    values = {entry["path"]: entry["value"] for entry in found["thresholds"]}
    assert (values["tracker.min_score"], values["motion.sensitivity"]) == (7.0, "hihg")
    assert values["tracker.min_looks"] == 3


def save_as(caller, served, name):
    """Save another name for the zone; what the node answers."""
    revision, draft = draft_of(caller, served)
    draft["zone"][0]["name"] = draft["rule"][0]["zone"] = name
    return caller.post(f"{served.url}api/save", json={"revision": revision, "draft": draft}, timeout=5)


def test_an_eye_that_read_what_was_saved_has_taken_it_up(served, run):
    """One that read the file before has not, however late it began to show pictures."""
    caller = served.come_in()

    def taken_up(revision):
        shown = Preview(at_ns=time.monotonic_ns())
        PreviewWriter(run, revision=revision).publish(np.zeros((24, 32, 3), np.uint8), shown)
        return caller.get(f"{served.url}api/now", timeout=5).json()["taken_up"]

    before = served.desk.file.revision()
    assert not taken_up(before)
    first = save_as(caller, served, "Cổng Nam").json()
    assert (first["saved"], first["told"], first["running"]) == (True, True, True)
    assert not taken_up(before)
    assert taken_up(first["revision"]) == first["revision"]
    second = save_as(caller, served, "Cổng Bắc").json()
    assert not taken_up(first["revision"])
    assert taken_up(second["revision"]) == second["revision"] == served.desk.file.revision()


def test_a_file_that_is_written_is_not_said_to_be_unreadable(served, run, monkeypatch):
    """Nothing is read again after the writing: the answer would be an error, and the eye not told."""
    caller, once = served.come_in(), served.desk.file.read
    revision, draft = draft_of(caller, served)
    draft["rule"] = []
    reads = iter([once])

    def only_once():
        read = next(reads, None)
        if read is None:
            raise OSError(5, "Input/output error")
        return read()

    monkeypatch.setattr(served.desk.file, "read", only_once)
    answer = caller.post(f"{served.url}api/save", json={"revision": revision, "draft": draft}, timeout=5)
    assert (answer.status_code, answer.json()["saved"]) == (200, True)
    assert answer.json()["revision"] == served.desk.file.revision()
    assert (run / "reload").exists()


def test_a_card_that_does_not_say_that_it_keeps_a_file_leaves_that_open(served, file, run, monkeypatch):
    """It is written and counts: the eye is told. Neither saved nor not saved is what the page may say."""
    real = configfile._sync

    def failing(folder):
        if folder == file.parent:
            raise OSError(5, "Input/output error")
        real(folder)

    monkeypatch.setattr(configfile, "_sync", failing)
    answer = save_as(served.come_in(), served, "Cổng Nam")
    assert (answer.status_code, answer.json()["error"]) == (507, "unsure")
    assert answer.json()["vi"].endswith("đã ghi, nhưng có thể mất khi mất điện: thẻ nhớ bị lỗi.")
    assert "Cổng Nam" in file.read_text(encoding="utf-8")
    assert (run / "reload").exists()


def test_hours_are_read_out(served):
    """So that a group sees what its rows mean."""
    caller = served.come_in()
    _, draft = draft_of(caller, served)
    (hours,) = caller.post(f"{served.url}api/check", json=draft, timeout=5).json()["hours"]
    assert "Thứ Hai - thứ Sáu: 05:00-19:00" in hours["vi"]
    assert "05/02/2027 - 11/02/2027: closed" in hours["en"]


def test_saving_keeps_the_rest_and_has_the_eye_start_anew(served, file, run):
    """Comments stay, a version is kept, and the vision process alone is told."""
    caller = served.come_in()
    revision, draft = draft_of(caller, served)
    draft["zone"][0]["name"] = draft["rule"][0]["zone"] = "Cổng chính"
    answer = caller.post(
        f"{served.url}api/save", json={"revision": revision, "draft": draft}, timeout=5
    ).json()
    assert (answer["saved"], answer["told"], answer["restart"]) == (True, True, False)
    text = file.read_text(encoding="utf-8")
    assert 'name = "Cổng chính"   # như trên biển' in text
    assert "# Máy của tổ 5, đừng xóa dòng này" in text
    assert (run / "reload").exists()
    (version,) = caller.get(f"{served.url}api/versions", timeout=5).json()
    assert version["drawn"] == {"mask": 0, "zone": 1, "line": 0, "rule": 1}
    restored = caller.post(
        f"{served.url}api/restore", json={"name": version["name"], "revision": answer["revision"]}, timeout=5
    ).json()
    assert restored["saved"]
    assert 'name = "Lối vào"' in file.read_text(encoding="utf-8")


def test_a_conflict_is_said_and_nothing_is_written(served, file):
    """The file was changed by hand in between."""
    caller = served.come_in()
    revision, draft = draft_of(caller, served)
    file.write_text(file.read_text(encoding="utf-8") + "\n# bằng tay\n", encoding="utf-8")
    draft["zone"] = draft["rule"] = []
    answer = caller.post(f"{served.url}api/save", json={"revision": revision, "draft": draft}, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (409, "changed")
    assert "Lối vào" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ('name = "cổng"', 'name = "quầy"'),
        ("file:street.avi", "file:yard.avi"),
        ("[[broker]]", "[evidence]\nkeep_days = 3\n\n[[broker]]"),
    ],
)
def test_a_restored_version_that_changes_more_than_the_picture_says_so(served, file, here, there):
    """Buttons, camera and evidence concern the alarm process too: it has to be started anew."""
    caller = served.come_in()
    revision, draft = draft_of(caller, served)
    draft["rule"] = []
    caller.post(f"{served.url}api/save", json={"revision": revision, "draft": draft}, timeout=5)
    file.write_text(file.read_text(encoding="utf-8").replace(here, there), encoding="utf-8")
    (version,) = caller.get(f"{served.url}api/versions", timeout=5).json()
    revision, _ = draft_of(caller, served)
    answer = caller.post(
        f"{served.url}api/restore", json={"name": version["name"], "revision": revision}, timeout=5
    )
    assert answer.json()["restart"]


def test_a_trial_says_what_would_have_been(served, run):
    """On the looks that the vision process left, with the draft as it is on the page."""
    log, now_ns = LookLog(run), time.monotonic_ns()
    for step in range(40):
        at_ns = now_ns - (40 - step) * 250_000_000
        walker = person(1, 0.2 + step * 0.004, 0.8, at_ns)
        log.add(at_ns, None, [_detection(walker)])
    caller = served.come_in()
    _, draft = draft_of(caller, served)
    (outcome,) = caller.post(f"{served.url}api/try", json=draft, timeout=20).json()["trial"]["outcomes"]
    assert (outcome["kind"], outcome["zone"], outcome["count"]) == ("intrusion", "Lối vào", 1)
    draft["rule"][0]["dwell_s"] = 60
    assert caller.post(f"{served.url}api/try", json=draft, timeout=20).json()["trial"]["outcomes"] == []


def _detection(track):
    return Detection(label=track.label, score=track.score, box=track.box)


def test_the_live_picture_is_asked_for_and_shown(served, run):
    """Asking is what makes the vision process leave pictures; an old one is not shown as live."""
    caller = served.come_in()
    assert not caller.get(f"{served.url}api/now", timeout=5).json()["fresh"]
    assert caller.get(f"{served.url}api/picture", timeout=5).status_code == 404
    writer = PreviewWriter(run)
    assert writer.wanted()
    writer.publish(np.zeros((48, 64, 3), np.uint8), Preview(at_ns=time.monotonic_ns()))
    assert caller.get(f"{served.url}api/now", timeout=5).json()["fresh"]
    assert caller.get(f"{served.url}api/picture", timeout=5).content[:2] == b"\xff\xd8"


def test_the_notice_is_one_click_away(served):
    """Filled from the configuration, in either language."""
    caller = served.come_in()
    page = caller.get(f"{served.url}notice?language=en", timeout=5)
    page.encoding = "utf-8"
    assert "CAMERA RECORDING" in page.text
    assert "Nguyễn Văn An" in page.text
    assert "/static/notice.css" in page.text
