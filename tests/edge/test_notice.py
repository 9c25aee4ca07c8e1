"""The sheet for the gate."""

from __future__ import annotations

import dataclasses
import html.parser

import pytest
from click.testing import CliRunner

from edge.cli import tuquan
from edge.config import ContactSettings, NodeConfig, NodeSettings
from edge.events import Language
from edge.notice import LAW, notice_page
from sensors.view import MaskSettings
from sync.settings import BrokerSettings

CONFIG = NodeConfig(
    node=NodeSettings(
        commune="phuong-thu",
        name="cho",
        place="Chợ <Đông>, cột & đèn",
        latitude=10.77,
        longitude=106.69,
        contacts=(ContactSettings(name="Nguyễn Văn An", phone="0900 000 000", role="Tổ trưởng"),),
    ),
    mask=(MaskSettings(name="Cửa sổ nhà số 12", points="0,0 0.2,0 0.2,0.2"),),
    broker=(BrokerSettings(host="b"),),
)


class Text(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_data(self, data):
        self.words.append(data)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - its signature
        self.tags.append(tag)


@pytest.mark.parametrize("language", list(Language))
def test_the_sheet_says_what_the_law_asks_for(language):
    """Where, for how long, whom to ask, on what ground; and what is not done."""
    text = " ".join(Text(notice_page(CONFIG, language)).words)
    for word in ("Chợ <Đông>, cột & đèn", "Nguyễn Văn An, Tổ trưởng: 0900 000 000", LAW, "32", "7 ", "số 12"):
        assert word in text
    never = "KHÔNG nhận dạng khuôn mặt" if language is Language.VI else "NO face recognition"
    assert never in text


def test_a_name_is_never_markup():
    """Whatever is in the configuration goes in as text."""
    node = dataclasses.replace(CONFIG.node, place="<script>alert(1)</script>")
    page = Text(notice_page(dataclasses.replace(CONFIG, node=node)))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words


def test_the_file_needs_nothing_else(tmp_path):
    """No address, no script: it can be carried to a printer on a stick."""
    page = notice_page(CONFIG)
    assert "<style>" in page
    assert "http" not in page.lower().replace("http-equiv", "")
    assert set(Text(page).tags) & {"script", "link", "img"} == set()


def test_the_command_writes_it(tmp_path):
    """Into a file, or to the terminal; what cannot be written is a sentence."""
    config = tmp_path / "node.toml"
    config.write_text(
        '[node]\ncommune = "phuong-thu"\nname = "cho"\nplace = "Chợ"\nlatitude = 10.7\nlongitude = 106.7\n'
        '[[broker]]\nhost = "b"\n',
        encoding="utf-8",
    )
    output = tmp_path / "notice.html"
    call = ["notice", "--config", str(config), "--language", "en", "--output"]
    assert CliRunner().invoke(tuquan, [*call, str(output)]).exit_code == 0
    assert "CAMERA RECORDING" in output.read_text(encoding="utf-8")
    assert "CAMERA RECORDING" in CliRunner().invoke(tuquan, [*call, "-"]).output
    assert CliRunner().invoke(tuquan, [*call, str(tmp_path / "no" / "where")]).exit_code == 1
