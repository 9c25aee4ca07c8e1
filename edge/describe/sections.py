"""Owns the walk over a configuration's sections, and what their documents add to the settings' own help."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.config import NodeConfig
from edge.settings import Setting, settings_of

VIETNAMESE: Final[dict[str, str]] = {
    "node": "Thiết bị này là gì và được đặt ở đâu.",
    "node.contacts": "Gọi cho ai, theo thứ tự ưu tiên.",
    "node.steps": "Việc cần làm khi có từng loại báo động.",
    "storage": "Nơi lưu báo động cho đến khi gửi xong.",
    "gpio": "Cách thiết bị kết nối với các chân GPIO.",
    "panic_button": "Nút báo động khẩn cấp.",
    "smoke_detector": "Đầu báo khói có tiếp điểm rơ-le.",
    "smoke_sensor": "Cảm biến khí MQ-2: chỉ hỗ trợ thêm, không thay thế đầu báo khói.",
    "tamper_loop": "Mạch giám sát chống mở vỏ, phá hoại và cắt dây.",
    "lamps": "Các đèn cho biết báo động đã được chuyển đến đâu.",
    "siren": "Còi hoặc chuông báo động tại chỗ.",
    "camera": "Camera, nếu có.",
    "detector": "Mô hình nhận diện người và xe trong hình.",
    "intrusion": "Khi nào phát hiện người thì báo động.",
    "uplink": "Cách gửi báo động về phường.",
    "broker": "Máy chủ MQTT nhận báo động; máy chủ ưu tiên đứng trước.",
}
"""One line for each section, for those who read Vietnamese only."""

EXAMPLES: Final[dict[str, Any]] = {
    # The same commune throughout; secrets where systemd puts them (LoadCredential= in the units).
    "broker.host": "mqtt.phuong-ben-thanh.example",
    "broker.username": "cho-cong-dong",
    "broker.password_file": Path("/run/credentials/tuquan-alarm.service/tuquan_broker-password"),
    "broker.key_file": Path("/run/credentials/tuquan-alarm.service/tuquan_node.key"),
    "camera.password_file": Path("/run/credentials/tuquan-vision.service/tuquan_camera-password"),
}
"""Examples that depend on how the whole is installed, which a part's own settings cannot know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the file.

    Attributes:
        path: Its name, such as ``node.steps``.
        many: It may stand there several times.
        required: A file without it is refused.
        help: What it is.
        settings: Its values, without the sections below it.
    """

    path: str
    many: bool
    required: bool
    help: str
    settings: tuple[Setting, ...]

    @property
    def header(self) -> str:
        """The section's line in TOML."""
        return f"[[{self.path}]]" if self.many else f"[{self.path}]"

    def example(self, setting: Setting) -> Any:
        """What to show for a setting: an example of ours or its own, else its default."""
        ours = EXAMPLES.get(f"{self.path}.{setting.name}")
        if ours is not None:
            return ours
        if setting.required or setting.name == "name" or setting.default in (None, "", ()):
            return setting.default if setting.example is None else setting.example
        return setting.default


def sections(cls: type = NodeConfig, prefix: str = "") -> Iterator[Section]:
    """Every section in the order of the configuration's definition, each before those below it."""
    for setting in settings_of(cls):
        if not setting.shape.table:
            continue
        path, inner = f"{prefix}{setting.name}", settings_of(setting.shape.base)
        yield Section(
            path=path,
            many=setting.shape.many,
            required=setting.required,
            help=setting.help,
            settings=tuple(entry for entry in inner if not entry.shape.table),
        )
        yield from sections(setting.shape.base, f"{path}.")
