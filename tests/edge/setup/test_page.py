"""The set-up page in a real browser, with a mouse, a keyboard and a thumb."""

from __future__ import annotations

import json
import threading
import time
import tomllib

import numpy as np
import pytest

from edge.looks import LookLog
from edge.preview import PreviewWriter
from edge.setup.configfile import ConfigFile
from models.detection import Detection
from sensors.polygon import parse_points
from tests.edge.setup.eye import Eye, person

pytest.importorskip("selenium", reason="selenium drives the browser (test group of pyproject.toml)")

from selenium.webdriver.common.keys import Keys

from tests.edge.setup.browser import CHROMIUM, DRIVER, Page, chromium

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium here: apt install chromium chromium-driver"
)


@pytest.fixture(scope="module")
def desktop(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("desktop")) as driver:
        yield driver


@pytest.fixture(scope="module")
def handheld(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("phone"), phone=True) as driver:
        yield driver


@pytest.fixture
def page(desktop, served):
    shown = Page(desktop, served)
    yield shown
    assert shown.complaints() == []


@pytest.fixture
def phone(handheld, served):
    shown = Page(handheld, served, touch=True)
    yield shown
    assert shown.complaints() == []


def raw(file):
    return tomllib.loads(file.read_text(encoding="utf-8"))


def near(text, expected):
    """Whether points are where they were drawn, to what a pixel is worth."""
    return np.allclose(parse_points(text), expected, atol=0.02)


def test_a_zone_is_drawn_by_dragging_named_in_vietnamese_and_saved(page, file):
    """What the group drew and wrote stands in the configuration, which `tuquan check` finds right."""
    page.come_in()
    page(".add").click()
    page.drag((0.6, 0.2), (0.7, 0.4), (0.9, 0.8))
    page.keys("Bãi giữ xe số 2 - phía Đông")
    page.save()
    zone = raw(file)["zone"][1]
    assert zone["name"] == "Bãi giữ xe số 2 - phía Đông"
    assert near(zone["points"], [(0.6, 0.2), (0.9, 0.2), (0.9, 0.8), (0.6, 0.8)])
    assert "# Máy của tổ 5, đừng xóa dòng này" in file.read_text(encoding="utf-8")


def test_a_zone_is_drawn_corner_by_corner(page, file):
    """Taps make the corners; the first one closes it."""
    page.come_in()
    page(".add").click()
    page.tap((0.6, 0.2), (0.9, 0.3), (0.75, 0.8), (0.6, 0.2))
    page.save()
    assert near(raw(file)["zone"][1]["points"], [(0.6, 0.2), (0.9, 0.3), (0.75, 0.8)])


def test_a_zone_that_crosses_itself_says_so_and_is_not_saved(page, file):
    """At its own place, in the group's language; there is no button to press."""
    before = file.read_bytes()
    page.come_in()
    page(".pick").click()
    page.drag((0.1, 0.4), (0.6, 0.6), (0.9, 0.65))
    page.drag((0.5, 0.4), (0.3, 0.6), (0.05, 0.62))
    page.wait(lambda: "tự cắt nhau" in page(".card.chosen .problems .wrong").text)
    assert not page("#save").is_enabled()
    assert "wrong" in page("#state").get_attribute("class")
    assert file.read_bytes() == before


def test_corners_are_added_moved_and_taken_away(page, file):
    """The small dots between corners make new ones; the whole can be moved too."""
    page.come_in()
    page(".pick").click()
    page.drag((0.3, 0.4), (0.3, 0.3), (0.3, 0.2))
    page.drag((0.5, 0.9), (0.6, 0.9), (0.8, 0.9))
    page.save()
    assert near(raw(file)["zone"][0]["points"], [(0.1, 0.4), (0.3, 0.2), (0.5, 0.4), (0.8, 0.9), (0.1, 0.9)])
    page.drag((0.3, 0.6), (0.35, 0.6), (0.4, 0.65))
    page.press("[data-focus=point-1]", Keys.DELETE)
    page.save()
    assert near(raw(file)["zone"][0]["points"], [(0.2, 0.45), (0.6, 0.45), (0.9, 0.95), (0.2, 0.95)])


def test_everything_can_be_done_with_the_keyboard(page, file):
    """A corner has the focus; arrows move it, and it keeps the focus."""
    page.come_in()
    page.press("[data-focus=shape-zone-0]", Keys.ENTER)
    page.press("[data-focus=point-2]", Keys.ARROW_RIGHT)
    page.keys(Keys.ARROW_UP, shift=True)
    page.save()
    assert raw(file)["zone"][0]["points"] == "0.1,0.4 0.5,0.4 0.505,0.875 0.1,0.9"


def test_masks_and_lines_are_drawn_in_the_same_way(page, file):
    """A line from its left end to its right; a rule that counts on it finds it by itself."""
    page.come_in()
    page.tab("mask")
    page(".add").click()
    page.drag((0.7, 0.1), (0.8, 0.2), (0.95, 0.3))
    page.tab("line")
    page(".add").click()
    page.drag((0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    page.tab("rule")
    page(".add").click()
    page("[data-card='rule[1]'] select option[value=crossing]").click()
    page.save()
    saved = raw(file)
    assert near(saved["mask"][0]["points"], [(0.7, 0.1), (0.95, 0.1), (0.95, 0.3), (0.7, 0.3)])
    assert near(saved["line"][0]["points"], [(0.2, 0.5), (0.8, 0.5)])
    assert saved["rule"][1] == {"kind": "crossing", "line": saved["line"][0]["name"]}


def test_a_zones_hours_are_found_by_their_name(page):
    """Somebody who is new does not know that a touch on the colour opens the rest."""
    page.come_in("en")
    page.wait(lambda: page(".card .buttons button").text.startswith("Opening hours"))
    page(".card .buttons button").click()
    page.wait(lambda: page(".hours-row.week").is_displayed())


def test_a_rules_kind_is_not_cut_off_on_a_phone(phone):
    """Each of the words fits its field, beside the arrow."""
    phone.come_in()
    phone.tab("rule")
    width, longest = phone.driver.execute_script(
        "const list = document.querySelector('.card.rule select');"
        "const pen = document.createElement('canvas').getContext('2d');"
        "pen.font = getComputedStyle(list).font;"
        "return [list.clientWidth, Math.max(...[...list.options].map((o) => pen.measureText(o.text).width))]"
    )
    assert longest + 40 < width


def test_hours_are_set_by_rows(page, file):
    """Days by a touch, times in digits, Tết by its dates; what it means is read out."""
    page.come_in()
    page(".pick").click()
    page(".hours-row.week .day:nth-child(6)").click()
    page.type(".hours-row.week .span input", "0430")
    page.all(".hours .buttons button")[1].click()
    page.wait(lambda: len(page.all(".hours-row.date")) == 2)
    page.wait(lambda: "04:30-19:00" in page(".reading").text)
    page.save()
    first, second, third = raw(file)["zone"][0]["opening_hours"]
    assert (first, second) == ("Mo-Sa 04:30-19:00", "2027 Feb 05-2027 Feb 11 off")
    assert third.endswith(" off")


def test_a_wrong_time_is_said_at_its_row(page):
    """25:00 is no time of the day."""
    page.come_in()
    page(".pick").click()
    page.type(".hours-row.week .span input", "2500")
    page.wait(lambda: "không phải giờ" in page(".hours-row.week .problems").text)
    assert not page("#save").is_enabled()


def test_rules_have_sliders_and_go_with_their_zone(page, file):
    """A zone that is renamed keeps its rules; a slider that was not touched writes nothing."""
    page.come_in()
    page(".pick").click()
    page.type(".card.chosen .field input", "Cổng Nam")
    page.tab("rule")
    page("[data-card='rule[0]'] option[value=loitering]").click()
    dwell = page(".card.rule .slide input")
    dwell.send_keys(Keys.ARROW_RIGHT)
    page.save()
    (rule,) = raw(file)["rule"]
    assert (rule["kind"], rule["zone"], rule["dwell_s"]) == ("loitering", "Cổng Nam", 125)
    assert set(rule) == {"kind", "zone", "dwell_s"}


def test_the_picture_lives_with_boxes_and_the_state_of_each_zone(page, desk, run):
    """Who is where now and which rule fires; when the eye is gone, the page says so."""
    with Eye(desk.config, run):
        page.come_in()
        page.wait(lambda: page.all(".track.fires"))
        page.wait(lambda: "ĐANG BÁO" in page("#zones-now").text)
        assert "Lối vào" in page("#zones-now").text
        assert page.driver.execute_script("return document.getElementById('picture').naturalWidth") == 320
        assert not page("#nothing").is_displayed()
    page.wait(lambda: "Chưa có hình" in page("#nothing").text)
    assert not page.all(".track")


def test_a_draft_is_tried_on_the_last_minutes(page, run):
    """Before it is saved: one alert as it is, none when it has to last a minute."""
    log, now_ns = LookLog(run), time.monotonic_ns()
    for step in range(40):
        at_ns = now_ns - (40 - step) * 250_000_000
        track = person(1, 0.2 + step * 0.004, 0.8, at_ns)
        log.add(at_ns, None, [Detection(label="person", score=0.8, box=track.box)])
    page.come_in()
    page.tab("try")
    page("#try-now").click()
    page.wait(lambda: "Có người vào · Lối vào" in page("#trial").text)
    page.tab("rule")
    page("[data-card='rule[0]'] .slide input").send_keys(Keys.END)
    page.tab("try")
    page("#try-now").click()
    page.wait(lambda: "Lẽ ra không báo lần nào" in page("#trial").text)


def test_a_former_version_comes_back(page, file):
    """Once it was asked whether that is meant."""
    before = file.read_bytes()
    page.come_in()
    page.tab("rule")
    page("[data-card='rule[0]'] .icon").click()
    page.save()
    assert "rule" not in raw(file)
    page.tab("versions")
    page.wait(lambda: page.all("[data-version]"))
    page("[data-version]").click()
    page("#dialog-yes").click()
    page.wait(lambda: file.read_bytes() == before)
    page.wait(lambda: len(page.all("[data-version]")) == 2)


def renamed(page, name):
    """Something to save: another name for the first zone."""
    page(".pick").click()
    page.type(".card.chosen .field input", name)
    page.wait(lambda: page("#save").is_enabled())


def test_saved_is_said_when_the_node_has_written_it_and_not_before(page, file, desk, monkeypatch):
    """Nothing that looks like it stands there while the node still writes, nor before anything was saved."""
    real, written = desk.save, threading.Event()

    def slow(*args):
        written.wait(8)
        return real(*args)

    monkeypatch.setattr(desk, "save", slow)
    page.come_in()
    assert "lưu" not in page("#state").text
    renamed(page, "Cổng Nam")
    page("#save").click()
    page.wait(lambda: page("#state").text == "Đang lưu…")
    assert not page("#save").is_enabled()
    assert page.driver.execute_script("return document.getElementById('room').inert")
    assert "Cổng Nam" not in file.read_text(encoding="utf-8")
    written.set()
    page.wait(lambda: page("#state").text.startswith("Đã lưu lúc"))
    assert raw(file)["zone"][0]["name"] == "Cổng Nam"


def test_the_page_says_from_when_on_it_counts(page, file, desk, run):
    """Not while the camera does not run; as soon as it has begun anew with what was saved."""
    page.come_in()
    renamed(page, "Cổng Nam")
    page.save()
    assert "chưa dùng: camera chưa chạy" in page("#state").text
    with Eye(desk.config, run, desk.file.revision()):
        page.wait(lambda: "Camera đang dùng bản này" in page("#state").text)
        page.wait(lambda: page("#live").text)
        page.type(".card.chosen .field input", "Cổng Bắc")
        page.save()
        assert "Camera đang chạy lại" in page("#state").text
        time.sleep(1.2)
        assert "Camera đang chạy lại" in page("#state").text
    with Eye(desk.config, run, desk.file.revision()):
        page.wait(lambda: "Camera đang dùng bản này" in page("#state").text)


def test_of_two_quick_savings_only_the_last_is_said_to_be_in_use(phone, desk, run):
    """A camera that began after both and read the first, and an answer about the first that comes late."""
    with Eye(desk.config, run, desk.file.revision()):
        phone.come_in()
        phone.wait(lambda: phone("#live").text)
        renamed(phone, "Cổng Nam")
        phone.save()
        first = desk.file.revision()
        phone.type(".card.chosen .field input", "Cổng Bắc")
        phone.save()
        assert desk.file.revision() != first
    with Eye(desk.config, run, first):
        time.sleep(1.5)
        assert "Camera đang chạy lại" in phone("#state").text
        phone.driver.execute_script(
            "const real = window.fetch; window.fetch = async (path, given) => {"
            " const answer = await real(path, given);"
            " if (!path.startsWith('/api/now')) return answer;"
            " window.late = (window.late ?? 0) + 1;"
            " return Response.json({ ...await answer.json(), taken_up: FIRST, saved: FIRST }); };"
            "window.back = () => { window.fetch = real; };".replace("FIRST", json.dumps(first))
        )
        phone.wait(lambda: phone.driver.execute_script("return window.late") > 2)
        assert "Camera đang chạy lại" in phone("#state").text
        phone.driver.execute_script("window.back()")
    with Eye(desk.config, run, desk.file.revision()):
        phone.wait(lambda: "Camera đang dùng bản này" in phone("#state").text)


def broken(*_):
    raise RuntimeError("an error of the software")


def test_a_fault_before_the_writing_is_said_to_have_saved_nothing(page, file, desk, monkeypatch):
    """The page looks at the file again, and says what is there."""
    page.come_in()
    renamed(page, "Cổng Nam")
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(desk.file, "save", broken)
        page("#save").click()
        page.wait(lambda: page("#state").text.startswith("CHƯA LƯU: phần mềm gặp lỗi."))
    assert file.read_bytes() == before
    page.save()
    assert raw(file)["zone"][0]["name"] == "Cổng Nam"


def test_a_fault_after_the_writing_is_not_said_to_have_saved_nothing(page, file, desk, run, monkeypatch):
    """Saving again has the camera told, writes no second version, and says so."""
    page.come_in()
    renamed(page, "Cổng Nam")
    with monkeypatch.context() as patch:
        patch.setattr("edge.setup.desk.ask_reload", broken)
        page("#save").click()
        page.wait(lambda: page("#state").text.startswith("Đã ghi vào tệp, nhưng phần mềm gặp lỗi"))
        assert "wrong" in page("#state").get_attribute("class")
    assert raw(file)["zone"][0]["name"] == "Cổng Nam"
    assert not (run / "reload").exists()
    page.save()
    assert "Đã lưu lúc" in page("#state").text
    assert (run / "reload").exists()
    assert len(desk.versions()) == 1


def test_what_became_of_a_fault_is_open_while_the_file_cannot_be_looked_at(page, file, desk, monkeypatch):
    """Neither saved nor not saved; saving again finds out."""
    page.come_in()
    renamed(page, "Cổng Nam")
    with monkeypatch.context() as patch:
        patch.setattr("edge.setup.desk.ask_reload", broken)
        patch.setattr(desk, "configuration", broken)
        page("#save").click()
        page.wait(lambda: "chưa rõ đã lưu hay chưa" in page("#state").text)
    page.save()
    assert (raw(file)["zone"][0]["name"], len(desk.versions())) == ("Cổng Nam", 1)


def test_a_version_whose_restoring_failed_is_not_said_to_be_unchanged(page, file, desk, monkeypatch):
    """It may be back: loading the page anew tells."""
    page.come_in()
    renamed(page, "Cổng Nam")
    page.save()
    page.tab("versions")
    page.wait(lambda: page.all("[data-version]"))
    with monkeypatch.context() as patch:
        patch.setattr("edge.setup.desk.ask_reload", broken)
        page("[data-version]").click()
        page("#dialog-yes").click()
        page.wait(lambda: page("#state").text.startswith("Chưa rõ đã đổi sang bản cũ hay chưa."))
    assert raw(file)["zone"][0]["name"] == "Lối vào"


def test_a_card_that_is_full_is_said_with_what_to_do(page, file, monkeypatch):
    """In the group's language, the system's own words too; what was drawn is still there."""

    def full(*_):
        raise OSError(28, "No space left on device")

    page.come_in()
    renamed(page, "Cổng Nam")
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(ConfigFile, "_write", full)
        page("#save").click()
        page.wait(lambda: "CHƯA LƯU" in page("#state").text)
        assert "thẻ nhớ đã đầy" in page("#state").text
        assert "wrong" in page("#state").get_attribute("class")
    assert file.read_bytes() == before
    page.save()
    assert raw(file)["zone"][0]["name"] == "Cổng Nam"


def test_an_answer_that_was_lost_is_not_taken_for_a_failure_nor_for_a_success(page, file):
    """The page does not know, and says so; saving again finds out, and saves nothing twice."""
    page.come_in()
    page(".add").click()
    page.drag((0.6, 0.2), (0.7, 0.4), (0.9, 0.8))
    page.wait(lambda: page("#save").is_enabled())
    page.driver.execute_script(
        "window.real = window.fetch; window.fetch = (path, given) => window.real(path, given)"
        ".then((answer) => { if (path === '/api/save') throw new TypeError('lost'); return answer; })"
    )
    page("#save").click()
    page.wait(lambda: "chưa rõ đã lưu hay chưa" in page("#state").text)
    page.driver.execute_script("window.fetch = window.real")
    page.save()
    assert len(raw(file)["zone"]) == 2
    assert "Đã lưu" in page("#state").text


def test_what_is_wrong_elsewhere_in_the_file_is_said_apart(page, file):
    """With its place, in Vietnamese; and a threshold leads to its slider."""
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("port = 1883", "port = 188300") + "\n[tracker]\nmin_score = 7.0\n", encoding="utf-8"
    )
    page.come_in()
    said = page("#elsewhere").text
    assert "broker[0].port Chỗ này phải là số nguyên từ 1 đến 65535" in said
    assert "tracker" not in said
    page("#state .link").click()
    assert page("#tab-try").get_attribute("aria-selected") == "true"
    page.wait(lambda: "từ 0.1 đến 0.95" in page(".thresholds .problems .wrong").text)


def test_a_file_that_cannot_be_read_is_said_at_the_door(page, file):
    """Where it is wrong, and that it is not the code."""
    file.write_text(file.read_text(encoding="utf-8") + "\n[tracker\n", encoding="utf-8")
    page.open()
    page("#code").send_keys(page.served.access.renew())
    page("#key button").click()
    page.wait(lambda: "Chỗ này viết chưa đúng ở `[tracker`" in page("#door-problem").text)


def test_a_zone_without_a_rule_gets_one_by_a_touch(page, file):
    """Where the page says that nothing will be told there."""
    page.come_in()
    page(".add").click()
    page.drag((0.6, 0.2), (0.7, 0.4), (0.9, 0.8))
    page.wait(lambda: "Thêm quy tắc cho chỗ này" in page(".card.chosen").text)
    page(".card.chosen .buttons button").click()
    page.save()
    assert raw(file)["rule"][1] == {"kind": "intrusion", "zone": raw(file)["zone"][1]["name"]}


def test_what_was_drawn_is_still_there_after_a_session_is_over(page, file):
    """Half an hour at the gate must not cost the drawing."""
    page.come_in()
    renamed(page, "Cổng Nam")
    page.driver.delete_all_cookies()
    page.wait(lambda: page("#code").is_displayed())
    page("#code").send_keys(page.served.access.renew())
    page("#key button").click()
    page.wait(lambda: page("#room").is_displayed())
    page.save()
    assert raw(file)["zone"][0]["name"] == "Cổng Nam"


CLOSE = "".join(
    f"""
[[{section}]]
name = "{name}"
points = "{points}"
"""
    for section, name, points in (
        ("zone", "Lối vào phía sau chợ cá", "0.12,0.41 0.52,0.42 0.52,0.8 0.12,0.8"),
        ("zone", "Bãi giữ xe số 2 - phía Đông, cạnh trạm điện cũ", "0.55,0.02 0.99,0.03 0.99,0.4 0.6,0.4"),
        ("zone", "Quầy rau", "0.8,0.05 0.99,0.05 0.99,0.2 0.8,0.2"),
        ("zone", "Quầy cá", "0.81,0.06 0.98,0.06 0.98,0.19 0.81,0.19"),
        ("zone", "Góc dưới", "0.9,0.93 1,0.93 1,1 0.9,1"),
        ("mask", "Cửa sổ nhà số 12", "0,0 0.2,0 0.2,0.2 0,0.2"),
        ("mask", "Ban công nhà số 14", "0.15,0.02 0.3,0.02 0.3,0.2 0.15,0.2"),
        ("line", "Cổng Đông", "0.1,0.42 0.9,0.42"),
        ("line", "Cổng Tây", "0.1,0.99 0.9,0.99"),
    )
)


@pytest.mark.parametrize("screen", ["page", "phone"])
def test_names_on_the_picture_cover_neither_each_other_nor_the_edge(screen, request, file, desk, run):
    """However close together the group drew, on a phone and on a desk; somebody walks about there too."""
    file.write_text(file.read_text(encoding="utf-8") + CLOSE, encoding="utf-8")
    page = request.getfixturevalue(screen)
    with Eye(desk.config, run):
        page.come_in()
        page.wait(lambda: page.all(".track.fires"))
        page.wait(lambda: len(page.all("#drawing .label")) == 11)
        for _ in ("nothing is chosen", "the first zone is"):
            boxes = page.driver.execute_script(
                "return [...document.querySelectorAll('#drawing, .label')]"
                ".map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.top, b.right, b.bottom])"
            )
            (left, top, right, bottom), *names = boxes
            assert len(names) == 11
            for n, (x0, y0, x1, y1) in enumerate(names):
                assert left <= x0 < x1 <= right
                assert top <= y0 < y1 <= bottom
                assert not [o for o in names[:n] if o[0] < x1 and x0 < o[2] and o[1] < y1 and y0 < o[3]]
            page(".pick").click()


def test_somebody_elses_change_is_not_overwritten(page, file):
    """The page says so, and loads what is there when that is wanted."""
    page.come_in()
    theirs = file.read_text(encoding="utf-8").replace("Lối vào", "Cổng Tây")
    file.write_text(theirs, encoding="utf-8")
    page(".pick").click()
    page.type(".card.chosen .field input", "Cổng của tôi")
    page.wait(lambda: page("#save").is_enabled())
    page("#save").click()
    page.wait(lambda: page("#dialog").get_attribute("open"))
    assert "bị sửa ở nơi khác" in page("#dialog-title").text
    assert file.read_text(encoding="utf-8") == theirs
    page("#dialog-yes").click()
    page.wait(lambda: page(".card .field input").get_attribute("value") == "Cổng Tây")


def test_wrong_codes_lock_the_door_and_the_page_says_for_how_long(page):
    """The right code is not taken then either."""
    page.open()
    for _ in range(5):
        page("#code").clear()
        page("#code").send_keys("AAAAAAAA")
        page("#key button").click()
        page.wait(lambda: page("#door-problem").text)
    page.wait(lambda: "giây" in page("#door-problem").text)
    assert not page("#room").is_displayed()


def test_a_session_that_is_over_leads_back_to_the_door(page, served):
    """Nothing of the node stays on the screen."""
    page.come_in()
    page("#leave").click()
    page.wait(lambda: page("#code").is_displayed())
    assert not page("#room").is_displayed()
    assert "phuong-thu" not in page("body").text


def test_it_speaks_both_languages(page):
    """The choice is kept; what the group named stays as it is."""
    page.come_in()
    assert "Vùng che" in page("#tabs").text
    page("#language").click()
    page.wait(lambda: "Masks" in page("#tabs").text)
    assert page("html").get_attribute("lang") == "en"
    page.driver.refresh()
    page.wait(lambda: "Masks" in page("#tabs").text)


def test_a_name_is_never_markup(page, file):
    """Whatever somebody calls a zone is shown as text."""
    page.come_in()
    page(".pick").click()
    page.type(".card.chosen .field input", "<img src=x onerror=document.title='bad'>")
    page.save()
    page.tab("rule")
    assert page.driver.title != "bad"
    assert not page.all("#drawing img, #panel img")
    assert raw(file)["rule"][0]["zone"].startswith("<img")


def test_on_a_phone_everything_is_within_reach_of_a_thumb(phone, desk, run):
    """360 by 740 pixels: nothing runs off the side, and what can be touched is 44 pixels high or more."""
    with Eye(desk.config, run):
        phone.come_in()
        for tab in ("zone", "mask", "line", "rule", "try", "versions"):
            phone.driver.execute_script("arguments[0].click()", phone(f"#tab-{tab}"))
            if tab == "zone":
                phone(".pick").click()
            assert phone.driver.execute_script("return document.documentElement.scrollWidth") <= 360, tab
            small = phone.driver.execute_script(
                "return [...document.querySelectorAll('#panel button, #panel select, #tabs button, #save')]"
                ".filter((e) => e.offsetParent && e.offsetHeight < 44).map((e) => e.outerHTML.slice(0, 80))"
            )
            assert small == [], tab


def test_a_thumb_draws_and_moves(phone, file):
    """By touch: a new zone, then one of its corners, which can be hit 22 pixels beside its dot."""
    phone.come_in()
    phone(".add").click()
    phone.drag((0.6, 0.2), (0.7, 0.4), (0.9, 0.8))
    phone.wait(lambda: phone.all(".handle.point"))
    beside = 18 / 360
    phone.drag((0.9 - beside, 0.8), (0.9, 0.7), (0.95, 0.6))
    phone.save()
    assert near(raw(file)["zone"][1]["points"], [(0.6, 0.2), (0.9, 0.2), (0.95, 0.6), (0.6, 0.8)])


def test_a_screen_reader_hears_what_each_part_is(page):
    """Every field has its label, every button its words."""
    page.come_in()
    for tab in ("zone", "rule", "try"):
        page.tab(tab)
        if tab == "zone":
            page(".pick").click()
        nameless = page.driver.execute_script(
            "return [...document.querySelectorAll('main :is(button, input, select, [role=button])')]"
            ".filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
            ".map((e) => e.outerHTML.slice(0, 90))"
        )
        assert nameless == [], tab


def test_pictures_stop_when_nobody_looks(page, desk, run):
    """A tab that is closed costs the node nothing after ten seconds."""
    with Eye(desk.config, run):
        page.come_in()
        page.wait((run / "preview.jpg").exists)
        page.driver.get("about:blank")
    later = PreviewWriter(run, wall_s=lambda: time.time() + 11)
    assert not later.wanted()
