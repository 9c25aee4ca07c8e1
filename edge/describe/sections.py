"""Owns the walk over a configuration's sections, and what their documents add to the settings' own help."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.config import NodeConfig
from edge.settings import Setting, settings_of
from edge.stationconfig import StationConfig

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
    "power_input": "Có điện lưới hay không, theo bo mạch UPS: điều cuối cùng mà thiết bị kịp báo.",
    "lamps": "Các đèn cho biết báo động đã được chuyển đến đâu.",
    "siren": "Còi hoặc chuông báo động tại chỗ.",
    "camera": "Camera, nếu có.",
    "mask": "Các vùng không ai được xem: bôi đen trước khi xem, quay hay gửi đi.",
    "motion": "Khi nào một khung hình đáng để mô hình xem xét.",
    "camera_view": "Khi nào hình cho thấy camera bị che, bị lóa hoặc bị xoay.",
    "detector": "Mô hình nhận diện người và xe trong hình.",
    "tracker": "Phải thấy bao nhiêu lần, chắc đến mức nào thì mới tính.",
    "zone": "Các vùng trong hình và giờ mở cửa của từng vùng.",
    "line": "Các vạch để đếm lượt người qua lại.",
    "rule": "Điều gì trong hình thì báo động.",
    "evidence": "Hình ảnh của sự việc: lưu những gì, trong bao lâu, ai mở được bản gốc.",
    "uplink": "Cách gửi báo động về phường.",
    "intake": "Đường dự phòng: gửi báo động khẩn cấp qua HTTPS khi không máy chủ nào nhận.",
    "upload": "Cách gửi hình ảnh về trạm.",
    "broker": "Máy chủ MQTT nhận báo động; máy chủ ưu tiên đứng trước.",
}
"""One line for each section, for those who read Vietnamese only."""

EXAMPLES: Final[dict[str, Any]] = {
    # The same commune throughout; secrets where systemd puts them (LoadCredential= in the units).
    "broker.host": "mqtt.phuong-ben-thanh.example",
    "broker.username": "cho-cong-dong",
    "broker.password_file": Path("/run/credentials/tuquan-alarm.service/tuquan_broker-password"),
    "broker.key_file": Path("/run/credentials/tuquan-alarm.service/tuquan_node.key"),
    "intake.url": "https://tram.phuong-ben-thanh.example:8443/v1/messages",
    "intake.token_file": Path("/run/credentials/tuquan-alarm.service/tuquan_intake-token"),
    "intake.key_file": Path("/run/credentials/tuquan-alarm.service/tuquan_node.key"),
    "camera.password_file": Path("/run/credentials/tuquan-vision.service/tuquan_camera-password"),
}
"""Examples that depend on how the whole is installed, which a part's own settings cannot know."""

STATION_VIETNAMESE: Final[dict[str, str]] = {
    "station": "Trạm này là gì và được đặt ở đâu.",
    "station.contacts": "Gọi cho ai khi mất liên lạc với một thiết bị.",
    "archive": "Nơi lưu mọi tin đã nhận.",
    "receiver": "Cách trạm nhận tin từ máy chủ MQTT.",
    "watch": "Khi nào trạm báo rằng một thiết bị có vấn đề.",
    "intake": "Đường nhận tin thứ hai, qua HTTPS.",
    "evidence": "Nhận những hình ảnh nào của thiết bị, qua HTTPS.",
    "broker": "Các máy chủ MQTT mà thiết bị của phường sử dụng; trạm nhận tin từ tất cả.",
}
"""The same for the sections of a station's file."""

STATION_EXAMPLES: Final[dict[str, Any]] = {
    # The broker of docs/station.md runs on the same machine.
    "broker.host": "127.0.0.1",
    "broker.port": 1883,
    "broker.tls": False,
    "broker.username": "station",
    "broker.password_file": Path("/run/credentials/tuquan-station.service/station_broker-password"),
    "intake.cert_file": Path("/etc/tuquan-station/station.pem"),
    "intake.key_file": Path("/run/credentials/tuquan-station.service/station_station.key"),
}
"""Examples for a station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the file.

    Attributes:
        path: Its name, such as ``node.steps``.
        many: It may stand there several times.
        required: A file without it is refused.
        help: What it is.
        settings: Its values, without the sections below it.
        examples: What to show instead of a setting's own example, by path.
    """

    path: str
    many: bool
    required: bool
    help: str
    settings: tuple[Setting, ...]
    examples: Mapping[str, Any]

    @property
    def header(self) -> str:
        """The section's line in TOML."""
        return f"[[{self.path}]]" if self.many else f"[{self.path}]"

    def example(self, setting: Setting) -> Any:
        """What to show for a setting: an example of ours or its own, else its default."""
        ours = self.examples.get(f"{self.path}.{setting.name}")
        if ours is not None:
            return ours
        if setting.required or setting.name == "name" or setting.default in (None, "", ()):
            return setting.default if setting.example is None else setting.example
        return setting.default


def sections(
    cls: type = NodeConfig, prefix: str = "", examples: Mapping[str, Any] = EXAMPLES
) -> Iterator[Section]:
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
            examples=examples,
        )
        yield from sections(setting.shape.base, f"{path}.", examples)


def station_sections() -> Iterator[Section]:
    """The same for a station's file."""
    return sections(StationConfig, examples=STATION_EXAMPLES)
