"""What `tuquan check` says of a drawing, in Vietnamese, for the page.

The sentences themselves stand beside the checks that make them; here is how those that a group can meet on
the page read in its own language. One that is not known here is shown as it is.
"""

from __future__ import annotations

import re
from typing import Final

from edge.events import Language

_KNOWN: Final[tuple[tuple[str, str], ...]] = (
    (
        r"Its outline crosses itself: the edge after point (\d+) cuts the edge after point (\d+)\..*",
        r"Đường viền tự cắt nhau: cạnh sau điểm \1 cắt cạnh sau điểm \2. Hãy kéo các điểm cho đi quanh vùng.",
    ),
    (r"An area needs at least three points.*", r"Một vùng cần ít nhất ba điểm."),
    (r"A line needs at least two points.*", r"Một vạch cần ít nhất hai điểm."),
    (r"Two of its points are the same;.*", r"Có hai điểm trùng nhau; hãy bỏ bớt một điểm."),
    (r"Two points that follow each other are the same;.*", r"Hai điểm liền nhau trùng nhau; hãy bỏ bớt một."),
    (r"It has no area to speak of; draw it larger\.", r"Vùng quá nhỏ; hãy vẽ rộng ra."),
    (r"The point (\S+) lies outside the picture:.*", r"Điểm \1 nằm ngoài hình."),
    (r"These are (\d+) points; at most (\d+) can be used\.", r"Có \1 điểm; chỉ dùng được nhiều nhất \2."),
    (
        r"This is empty; write what the group calls it.*",
        r"Chưa có tên; hãy ghi tên tổ vẫn gọi, như Cổng chợ.",
    ),
    (
        r"This is empty; write what is hidden there.*",
        r"Chưa có tên; hãy ghi che cái gì, như Cửa sổ nhà số 12.",
    ),
    (
        r"This is too long for an alert's headline; keep within (\d+) characters\.",
        r"Tên quá dài cho tiêu đề tin báo; giữ trong \1 ký tự.",
    ),
    (r"(\S+) has this name already;.*", r"Tên này đã được dùng; hãy đặt tên khác."),
    (
        r'rule\[\d+\] is called "(.*)" too;.*',
        r"Đã có quy tắc tên “\1”; hãy đặt cho mỗi quy tắc một tên riêng.",
    ),
    (r"There is no zone of this name\..*", r"Không có vùng nào tên này; hãy chọn lại vùng."),
    (r"There is no line of this name\..*", r"Không có vạch nào tên này; hãy chọn lại vạch."),
    (r"A crossing needs the name of a \[\[line\]\]\.", r"Quy tắc đếm qua vạch cần chọn một vạch."),
    (
        r"A crossing is counted on a line and has no zone;.*",
        r"Đếm qua vạch thì không có vùng; hãy bỏ vùng đi.",
    ),
    (r"A line has no opening hours:.*", r"Vạch không có giờ mở cửa: lúc nào cũng đếm."),
    (r"Only a crossing has a line;.*", r"Chỉ quy tắc đếm qua vạch mới có vạch; hãy chọn vùng."),
    (r"Only a crowd is counted;.*", r"Chỉ quy tắc tụ tập mới có số người; hãy bỏ số người đi."),
    (
        r"With 0 s everybody who passes would be .*",
        r"Với 0 giây thì ai đi ngang cũng bị báo; hãy ghi bao lâu là quá lâu.",
    ),
    (
        r'The zone "(.*)" never closes, so this \w+ can never be one\..*',
        r"Vùng “\1” không bao giờ đóng nên quy tắc này không bao giờ báo. Hãy đặt giờ, hoặc chọn “mọi lúc”.",
    ),
    (
        r'(?:The zone "(.*)"|The whole picture) never opens, so this \w+ can never be one\..*',
        r"Vùng này không bao giờ mở nên quy tắc không bao giờ báo. Hãy đặt giờ mở cửa cho vùng.",
    ),
    (r"No rule is about this zone;.*", r"Chưa có quy tắc nào cho vùng này, nên ở đây sẽ không báo gì."),
    (r"No rule is about this line;.*", r"Chưa có quy tắc nào đếm ở vạch này."),
    (
        r"rule\[\d+\] does the same; there would be two alerts for one thing\.",
        r"Có hai quy tắc giống nhau; một việc sẽ báo hai lần.",
    ),
    (
        r"There is a camera, but nothing seen will raise an alert: no rule is enabled\.",
        r"Có camera nhưng không báo gì: chưa bật quy tắc nào.",
    ),
    (
        r"The model .* does not know this\. .*",
        r"Mô hình nhận dạng không biết loại này; hãy chọn loại khác.",
    ),
    (
        r"The model .* knows none of .*",
        r"Mô hình nhận dạng không biết loại nào của quy tắc này; hãy chọn loại khác.",
    ),
    (
        r"The detector drops what is below (\S+) already \(detector\.min_score\)\.",
        r"Bộ nhận dạng đã bỏ những gì dưới \1 rồi (detector.min_score).",
    ),
    (
        r"What is less sure than (\S+) does not count anyway \(tracker\.min_score\)\.",
        r"Những gì chắc chắn dưới \1 vốn đã không tính (ngưỡng chung).",
    ),
    (r"There is no camera that could see any of it;.*", r"Máy chưa cài camera nên chưa thấy được gì."),
    (
        r"These are too many for a small node to look at; keep at most (\d+)\.",
        r"Quá nhiều; giữ nhiều nhất \1.",
    ),
    (
        r'"(.*)" and "(.*)" overlap on (\w+)\..*',
        r"“\1” và “\2” trùng giờ nhau. Hãy ghi mỗi ngày chỉ một lần.",
    ),
    (
        r'"(.*)" and "(.*)" both say when it is open on (\w+)\..*',
        r"“\1” và “\2” cùng nói về một ngày. Hãy ghi giờ của một ngày trong một dòng.",
    ),
    (
        r'"(.*)" and "(.*)" overlap: the night of .*',
        r"“\1” và “\2” trùng giờ nhau: đêm hôm trước kéo sang. Hãy cho giờ này bắt đầu khi giờ kia kết thúc.",
    ),
    (
        r'"(.*)" opens (\w+) again, which "(.*)" closed\..*',
        r"“\1” mở lại ngày mà “\3” đã đóng. Hãy ghi dòng đóng cửa xuống sau.",
    ),
    (
        r'In "(.*)" the times (\S+) and (\S+) overlap; join them to one\.',
        r"Trong “\1”, \2 và \3 trùng nhau; hãy gộp làm một.",
    ),
    (
        r'In "(.*)" it opens and closes at once;.*',
        r"Trong “\1”, giờ mở và giờ đóng bằng nhau; cả ngày thì ghi 00:00-24:00.",
    ),
    (
        r'"(.*)" has no times at its end\..*',
        r"“\1” thiếu giờ ở cuối. Hãy ghi như “Mo-Fr 05:00-19:00”, hoặc “Su off”.",
    ),
    (
        r'In "(.*)", (\S+) is no time of the day:.*',
        r"Trong “\1”, \2 không phải giờ trong ngày (00:00 đến 24:00).",
    ),
    (
        r'In "(.*)", "(.*)" is no day; the days are .*',
        r"Trong “\1”, “\2” không phải thứ; các thứ là Mo, Tu, We, Th, Fr, Sa, Su.",
    ),
)
_PATTERNS: Final = tuple((re.compile(english, re.DOTALL), vietnamese) for english, vietnamese in _KNOWN)


def spoken(sentence: str, language: Language) -> str:
    """A remedy of `tuquan check` in a language; as it is where nobody has put it into words."""
    if language is Language.EN:
        return sentence
    for english, vietnamese in _PATTERNS:
        if found := english.fullmatch(sentence):
            return found.expand(vietnamese)
    return sentence
