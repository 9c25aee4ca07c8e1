"""The notice for the gate: what the law wants people to be told where a camera looks, on one sheet of A4.

Law 91/2025/QH15 on the protection of personal data, article 32, allows recording in public places for public
order without asking everybody, and asks in return that they are told. The sheet is filled from the node's
configuration, so that it says what is so.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.config import NodeConfig
from edge.events import Language
from edge.words import Phrase

LAW: Final = "91/2025/QH15"
_STYLE: Final = Path(__file__).parent / "setup" / "static" / "notice.css"

_TITLE: Final[Phrase] = ("KHU VỰC CÓ CAMERA GHI HÌNH", "CAMERA RECORDING IN THIS AREA")
_LEAD: Final[Phrase] = (
    "Để giữ gìn an ninh, trật tự chung của khu dân cư",
    "For the safety and public order of the neighbourhood",
)
_LAW: Final[Phrase] = (
    f"Thông báo theo Điều 32 Luật Bảo vệ dữ liệu cá nhân số {LAW}.",
    f"Notice under article 32 of Vietnam's Law {LAW} on the protection of personal data.",
)
_NO_FACES: Final[Phrase] = (
    "KHÔNG nhận dạng khuôn mặt. KHÔNG đọc biển số xe.",
    "NO face recognition. NO reading of number plates.",
)
_HEADS: Final[dict[str, Phrase]] = {
    "who": ("Ai ghi hình", "Who records"),
    "where": ("Ghi ở đâu", "Where"),
    "why": ("Để làm gì", "What for"),
    "what": ("Ghi những gì", "What is recorded"),
    "kept": ("Lưu bao lâu", "How long it is kept"),
    "given": ("Ai được xem", "Who may see it"),
    "rights": ("Quyền của bạn", "Your rights"),
    "ask": ("Hỏi ai", "Whom to ask"),
}
_BLANK: Final = "……………………………………………………"


def notice_page(config: NodeConfig, language: Language = Language.VI, *, linked: bool = False) -> str:
    """The sheet as one HTML page that a browser prints on A4.

    Args:
        config: The node it is for.
        language: In which language.
        linked: Whether its style sheet is that of the page of `tuquan setup`; else it stands in the sheet
            itself, which then is a file that needs nothing else.
    """
    sheet = _STYLE.read_text(encoding="utf-8")
    head = '<link rel="stylesheet" href="/static/notice.css">' if linked else f"<style>{sheet}</style>"
    rows = "\n".join(
        f"<dt>{_text(_HEADS[key], language)}</dt><dd>{'<br>'.join(map(html.escape, lines))}</dd>"
        for key, lines in _rows(config, language)
    )
    return f"""<!doctype html>
<html lang="{language.value}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(_TITLE, language)}</title>
{head}
</head>
<body>
<main>
<svg class="camera" viewBox="0 0 96 64" role="img" aria-label="camera">
<rect x="6" y="14" width="56" height="36" rx="7"/><path d="M66 27 90 14v36L66 37z"/></svg>
<h1>{_text(_TITLE, language)}</h1>
<p class="lead">{_text(_LEAD, language)}</p>
<dl>
{rows}
</dl>
<p class="never">{_text(_NO_FACES, language)}</p>
<p class="law">{_text(_LAW, language)}</p>
</main>
</body>
</html>
"""


def _rows(config: NodeConfig, language: Language) -> Iterator[tuple[str, list[str]]]:
    def say(vietnamese: str, english: str) -> str:
        return vietnamese if language is Language.VI else english

    yield (
        "who",
        [say("Tổ bảo vệ an ninh, trật tự cơ sở (tổ tự quản):", "The neighbourhood security group:"), _BLANK],
    )
    yield "where", [config.node.place]
    yield (
        "why",
        [
            say(
                "Phát hiện xâm nhập, cháy, tụ tập, cản trở lối đi; báo công an khi cần.",
                "To notice intrusion, fire, crowds and blocked ways, and to call the police where needed.",
            )
        ],
    )
    yield "what", list(_recorded(config, language))
    yield "kept", [_kept(config, language)]
    yield (
        "given",
        [
            say(
                "Tổ trực và công an phường, xã. Hình gửi đi được làm mờ người không liên quan.",
                "The group on duty and the commune's police. People who are not concerned are blurred.",
            )
        ],
    )
    yield (
        "rights",
        [
            say(
                "Được biết, được xem hình của mình, yêu cầu xóa hình hoặc khiếu nại.",
                "To know, to see pictures of yourself, to ask for their deletion, and to complain.",
            )
        ],
    )
    yield "ask", [*_contacts(config)] or [_BLANK]


def _recorded(config: NodeConfig, language: Language) -> Iterator[str]:
    vietnamese = language is Language.VI
    yield (
        "Hình ảnh quanh lúc có sự việc; không ghi âm."
        if vietnamese
        else "Pictures from around an incident; no sound."
    )
    if config.mask:
        names = ", ".join(entry.name for entry in config.mask)
        yield f"Luôn che đen, không ai xem được: {names}." if vietnamese else f"Always blacked out: {names}."


def _kept(config: NodeConfig, language: Language) -> str:
    vietnamese = language is Language.VI
    if not (config.evidence.enabled and config.evidence.clips):
        return "Không lưu phim trên thiết bị." if vietnamese else "No film is kept on the device."
    days = f"{config.evidence.keep_days:g}"
    if vietnamese:
        return f"{days} ngày trên thiết bị, rồi tự xóa."
    return f"{days} days on the device, then deleted by itself."


def _contacts(config: NodeConfig) -> Iterator[str]:
    for contact in config.node.contacts[:3]:
        role = f", {contact.role}" if contact.role else ""
        yield f"{contact.name}{role}: {contact.phone}"


def _text(phrase: Phrase, language: Language) -> str:
    return html.escape(phrase[0] if language is Language.VI else phrase[1])
