"""What `tuquan check` says of what is drawn on the page, in Vietnamese: shapes, names, rules, opening hours.

Owns one part of the tables of `edge.setup.spoken`, which says what the marks in them mean.
"""

from __future__ import annotations

from typing import Final

KNOWN: Final[tuple[tuple[str, str], ...]] = (
    # Shapes
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
        r"Write each point as x,y with a space between points, such as (.*)\.",
        r"Hãy ghi mỗi điểm là x,y, giữa các điểm có dấu cách, như \1. Hoặc xóa đi rồi vẽ lại.",
    ),
    # Names
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
    (
        r"This is longer than (\d+) characters; say it shorter\.",
        r"Dài hơn \1 ký tự; hãy ghi ngắn lại.",
    ),
    (
        r"This holds a line break or control character; write plain text on one line\.",
        r"Có chỗ xuống dòng hoặc ký tự lạ; hãy ghi chữ thường trên một dòng.",
    ),
    (
        r"(\S+) has this name already; a rule could not.*",
        r"Tên này đã được dùng; hãy đặt tên khác.",
    ),
    (
        r'rule\[\d+\] is called "(.*)" too;.*',
        r"Đã có quy tắc tên “\1”; hãy đặt cho mỗi quy tắc một tên riêng.",
    ),
    # Rules
    (r"intrusion", r"có người vào"),
    (r"loitering", r"quanh quẩn"),
    (r"crowd", r"tụ tập đông"),
    (r"obstruction", r"xe chắn lối"),
    (
        r"There is no (?:zone|\S+) of this name\. Did you mean (\".*\")\?",
        r"Không có tên này. Có phải ý là \1?",
    ),
    (r"There is no zone of this name\..*", r"Không có vùng nào tên này; hãy chọn lại vùng."),
    (r"There is no line of this name\..*", r"Không có vạch nào tên này; hãy chọn lại vạch."),
    (r"A crossing needs the name of a \[\[line\]\]\.", r"Quy tắc đếm qua vạch cần chọn một vạch."),
    (
        r"A crossing is counted on a line and has no zone;.*",
        r"Đếm qua vạch thì không có vùng; hãy bỏ vùng đi.",
    ),
    (
        r"A crossing is counted at once, one by one;.*",
        r"Qua vạch thì đếm ngay, từng người một; hãy bỏ chỗ này đi.",
    ),
    (r"A line has no opening hours:.*", r"Vạch không có giờ mở cửa: lúc nào cũng đếm."),
    (
        r"Only a crossing has a line; write the zone of this (\w+)\.",
        r"Chỉ quy tắc đếm qua vạch mới có vạch; quy tắc “{1}” thì hãy chọn vùng.",
    ),
    (
        r"With 0 s everybody who passes would be .*",
        r"Với 0 giây thì ai đi ngang cũng bị báo; hãy ghi bao lâu là quá lâu.",
    ),
    (
        r'The zone "(.*)" never closes, so this (\w+) can never be one\..*',
        r"Vùng “\1” không bao giờ đóng nên quy tắc này không bao giờ báo. Hãy đặt giờ, hoặc chọn “mọi lúc”.",
    ),
    (
        r'The zone "(.*)" never opens, so this (\w+) can never be one\..*',
        r"Vùng “\1” không bao giờ mở nên quy tắc này không bao giờ báo. Hãy đặt giờ mở cửa cho vùng.",
    ),
    (
        r"The whole picture never opens, so this (\w+) can never be one\..*",
        r"Cả hình không có giờ mở cửa nên quy tắc này không bao giờ báo. Hãy chọn vùng có giờ mở cửa.",
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
    (r"There is no camera that could see any of it;.*", r"Máy chưa cài camera nên chưa thấy được gì."),
    (
        r"The model .* does not know this\. (Did you mean .*|)",
        r"Máy không nhận ra loại này; hãy chọn loại khác. {1}",
    ),
    (r"The model .* does not know this\. .*", r"Máy không nhận ra loại này; hãy chọn loại khác."),
    (
        r"The model .* knows none of (.*?)\. .*",
        r"Máy không nhận ra loại nào của quy tắc này (\1); hãy chọn loại khác.",
    ),
    (
        r"What is less sure than (\S+) does not count anyway \(tracker\.min_score\)\.",
        r"Những gì chắc chắn dưới \1 vốn đã không tính (xem Ngưỡng chung, thẻ Thử).",
    ),
    (
        r"Nothing is sent at once without a way to the station:.*",
        r"Chưa có đường gửi đoạn phim về trạm nên chưa gửi ngay được; người cài máy cần ghi mục [intake].",
    ),
    (
        r"These are too many for a small node to look at; keep at most (\d+)\.",
        r"Quá nhiều, máy nhìn không kịp; giữ nhiều nhất \1.",
    ),
    # Opening hours
    (
        r'"(.*)" and "(.*)" overlap: the night of (\w\w) lasts until (\S+)\. .*',
        r"“<1>” và “<2>” trùng giờ nhau: đêm <3> kéo đến \4. Hãy cho giờ này bắt đầu khi giờ kia kết thúc.",
    ),
    (
        r'"(.*)" and "(.*)" overlap on (\w\w)\..*',
        r"“<1>” và “<2>” trùng giờ nhau vào <3>. Hãy ghi mỗi thứ trong một dòng.",
    ),
    (
        r'"(.*)" and "(.*)" both say when it is open on (\w\w)\..*, such as "(?:\w\w )(.*)"\.',
        r"“<1>” và “<2>” cùng nói về <3>. Hãy ghi giờ của một thứ trong một dòng: <4>.",
    ),
    (
        r'"(.*)" and "(.*)" both say when it is open on (\w\w)\..*',
        r"“<1>” và “<2>” cùng nói về <3>. Hãy ghi giờ của một thứ trong một dòng.",
    ),
    (
        r'"(.*)" opens (\w\w) again, which "(.*)" closed\..*',
        r"“<1>” mở lại <2>, mà “<3>” đã cho nghỉ. Hãy ghi dòng nghỉ xuống sau.",
    ),
    (
        r'In "(.*)" the times (\S+) and (\S+) overlap; join them to one\.',
        r"Trong “<1>”, giờ \2 và \3 trùng nhau; hãy gộp làm một.",
    ),
    (
        r'In "(.*)" it opens and closes at once;.*',
        r"Trong “<1>”, giờ mở và giờ đóng bằng nhau; cả ngày thì ghi 00:00-24:00.",
    ),
    (
        r'In "(.*)" it opens at 24:00; write 00:00 of the next day\.',
        r"Trong “<1>”, mở lúc 24:00; hãy ghi 00:00 của ngày hôm sau.",
    ),
    (
        r'"(.*)" has no times at its end\..*',
        r"“<1>” thiếu giờ hoặc ghi giờ chưa đúng. Hãy ghi như 05:00 và 19:00.",
    ),
    (
        r'In "(.*)", (\S+) is no time of the day:.*',
        r"Trong “<1>”, \2 không phải giờ trong ngày (00:00 đến 24:00). Qua nửa đêm thì ghi như 20:00-03:00.",
    ),
    (
        r'In "(.*)", (\S+) means holidays, which a node does not know;.*',
        r"Trong “<1>”, \2 là ngày lễ, mà máy không biết lịch lễ; hãy thêm ngày đặc biệt.",
    ),
    (
        r'In "(.*)", "(.*)" is no day; the days are .*',
        r"Trong “<1>”, “\2” không phải thứ; các thứ là Mo, Tu, We, Th, Fr, Sa, Su.",
    ),
    (
        r'In "(.*)", "(.*)" is no month; the months are (.*)\.',
        r"Trong “<1>”, “\2” không phải tháng; các tháng là \3.",
    ),
    (
        r'In "(.*)", "(.*)" is no date\..*',
        r"Trong “<1>”, “\2” không phải ngày. Hãy ghi như “2027 Feb 05-2027 Feb 11”, hoặc thêm ngày đặc biệt.",
    ),
    (
        r'In "(.*)" the last date is before the first; write the year of both\.',
        r"Trong “<1>”, ngày cuối đứng trước ngày đầu; hãy ghi năm cho cả hai.",
    ),
    (r'In "(.*)" there is no (.*)\.', r"Trong “<1>”, không có ngày \2."),
)
