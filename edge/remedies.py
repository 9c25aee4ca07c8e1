"""What to do about a part that does not work, in the words of the guides.

Owns the sentences that `tuquan doctor` puts under a finding.
"""

from typing import Final

from edge.events import Language
from edge.words import Phrase
from sensors.readings import Source

_CAMERA: Final[Phrase] = (
    "Kiểm tra cáp camera, rồi: sudo systemctl restart tuquan-vision",
    "Check the camera's cable, then: sudo systemctl restart tuquan-vision",
)

_NO_RECEIPT: Final[Phrase] = (
    (
        "Gọi 113 nếu đang cần giúp. Hỏi người trực xem trạm của phường có chạy không; "
        'nếu phường không có trạm, đặt confirm = "broker" trong mục [uplink].'
    ),
    (
        "Call 113 if help is needed now. Ask the duty desk whether the commune's station runs; "
        'where there is none, set confirm = "broker" under [uplink].'
    ),
)

_DISK: Final[Phrase] = (
    "Nguyên nhân và cách xử lý có ở mục Lưu trữ và Lưu hình ảnh của lệnh này: sudo tuquan doctor",
    "Why, and what helps, stands under Storage and Keeping pictures of this command: sudo tuquan doctor",
)

_UNSENT: Final[Phrase] = (
    "Kiểm tra [intake] và trạm của phường; đoạn phim còn ở đây và sẽ được gửi lại.",
    "Check [intake] and the commune's station; the clips are still here and will be sent again.",
)

_BY_CODE: Final[dict[tuple[str, str], Phrase]] = {
    ("uplink", "unproved"): _NO_RECEIPT,
    ("evidence", "seal"): ("pip install pyrage", "pip install pyrage"),
    ("evidence", "disk"): _DISK,
    ("evidence", "undeleted"): _DISK,
    ("evidence", "request"): (
        "Yêu cầu lại việc gửi hoặc xóa hình ảnh, rồi xóa tệp được nêu tên.",
        "Ask again for what should be sent or deleted, then remove the file that is named.",
    ),
    ("evidence", "unsent"): _UNSENT,
    ("evidence", "refused"): _UNSENT,
}

_BY_PART: Final[dict[str, Phrase]] = {
    "uplink": (
        "Kiểm tra bộ định tuyến, SIM và địa chỉ máy chủ; rồi hỏi người quản lý máy chủ của xã.",
        "Check the router, the SIM and the broker's address; then ask who keeps the broker.",
    ),
    "storage": _DISK,
    Source.CAMERA: _CAMERA,
    Source.CAMERA_VIEW: (
        "Ra xem camera: lau ống kính, bỏ vật che, xoay về hướng cũ, bật đèn.",
        "Go and look at the camera: wipe its lens, take away what covers it, turn it back, give it light.",
    ),
    "evidence": (
        "Giải phóng thẻ nhớ, hoặc giảm evidence.keep_days và evidence.max_mb.",
        "Make room on the card, or lower evidence.keep_days and evidence.max_mb.",
    ),
    "vision": _CAMERA,
    "detector": _CAMERA,
    Source.POWER_INPUT: (
        "Kiểm tra điện lưới, cầu dao, bộ lưu điện và dây báo nguồn theo docs/vi/phan-cung.md.",
        "Check the mains, the breaker, the UPS, and the wire that tells of them as hardware.md shows.",
    ),
    "clock": ("sudo timedatectl set-ntp true", "sudo timedatectl set-ntp true"),
    "gpio": ("Xóa pin_factory trong tệp cấu hình.", "Take pin_factory out of the configuration."),
}

_WIRES: Final[Phrase] = (
    "Kiểm tra dây và nguồn của bộ phận này theo docs/vi/phan-cung.md.",
    "Check this part's wires and power as hardware.md shows.",
)


def what_to_do(component: str, language: Language, code: str = "") -> str:
    """What to do.

    Args:
        component: A kind of device, or a part of the node.
        language: In which language.
        code: Which fault it has, where one needs another remedy than the rest.
    """
    words = _BY_CODE.get((component, code)) or _BY_PART.get(component, _WIRES)
    return words[0] if language is Language.VI else words[1]
