"""What `tuquan check` says of the rest of the configuration, in Vietnamese; the page shows it, no more.

Owns one part of the tables of `edge.setup.spoken`, which says what the marks in them mean.
"""

from __future__ import annotations

from typing import Final

_READING: Final[tuple[tuple[str, str], ...]] = (
    (r"This is missing and has no default\. (.*)", r"Chỗ này còn thiếu. {1}"),
    (r"Its square brackets are missing\. (.*)", r"Thiếu dấu ngoặc vuông. {1}"),
    (r"This must be an ordinary number\. (.*)", r"Số này không dùng được. {1}"),
    (r"This must be one of (.*?)\.( Did you mean .*)?", r"Chỉ được chọn một trong: {1}.{2}"),
    (r'"low", "normal", "high"', r"“low” (thấp), “normal” (vừa), “high” (cao)"),
    (
        r"This must be (.*?)( (?:at least|at most|between) .*?)?( in \S+?)?(, such as .*)?\.",
        r"Chỗ này phải là {1}{2}{3}{4}.",
    ),
    (r"true or false", r"true (có) hoặc false (không)"),
    (r"a whole number", r"số nguyên"),
    (r"a number", r"số"),
    (r'a text in "quotes"', r'chữ trong dấu "ngoặc kép"'),
    (r'a path in "quotes"', r'đường dẫn trong dấu "ngoặc kép"'),
    (r"one of the words listed", r"một trong các từ đã cho"),
    (r"one of (.*)", r"một trong: \1"),
    (r"a section", r"một mục"),
    (r"a list, each entry (.*)", r"danh sách, mỗi phần là {1}"),
    (r"at least (\S+?)(?: (\S+))?", r"từ \1 {2} trở lên"),
    (r"at most (\S+?)(?: (\S+))?", r"nhiều nhất là \1 {2}"),
    (r"between (\S+) and (\S+?)(?: (\S+))?", r"từ \1 đến \2 {3}"),
    (r"in (`.*`)", r"ở \1"),
    (r"in (\S+)", r"tính bằng {1}"),
    (r", such as (.*)", r", như \1"),
    (r"s", r"giây"),
    (r"days", r"ngày"),
    (r"rows", r"dòng"),
    (r"pixels", r"điểm ảnh"),
    (r"frames/s", r"hình/giây"),
    (r"Add a section (\S+?)(?: with (.*))?\.", r"Hãy thêm mục \1 (\2)."),
    (r"There is no such section any more: write (\S+) .*", r"Mục này không còn nữa: hãy dùng quy tắc, \1."),
    (r"There is no such setting\.(.*)", r"Không có mục nào tên này.{1}"),
    (r"Did you mean (.*)\?", r"Có phải ý là \1?"),
    (r"Known here: (.*)\.", r"Ở đây có: \1."),
    (r"There are: (.*)\.", r"Đang có: \1."),
    (r"It knows:? (.*)", r"Máy nhận ra: \1"),
    (
        r"Only one is possible: write (\S+) with single square brackets\.",
        r"Chỉ được có một: hãy ghi \1 với một cặp ngoặc vuông.",
    ),
    (
        r"This is a section: write (\S+) and its settings below it\.",
        r"Đây là một mục: hãy ghi \1, rồi các dòng của nó ở dưới.",
    ),
    (
        r"There can be several: write (\S+) with double square brackets\.",
        r"Có thể có nhiều: hãy ghi \1 với hai cặp ngoặc vuông.",
    ),
    (
        r"The ~ here belongs to nobody known; write the path in full\.",
        r"Dấu ~ ở đây không rõ của ai; hãy ghi đủ đường dẫn.",
    ),
    (
        r"This is not valid TOML( in `.*`)? \(.*\);.*",
        r"Chỗ này viết chưa đúng{1}. Mỗi dòng ghi: tên = giá trị; chữ để trong dấu ngoặc kép.",
    ),
    (r"line (\d+), column (\d+)", r"dòng \1, cột \2"),
    (r"end of the file", r"cuối tệp"),
    (r"This is not a file;.*", r"Đây không phải là tệp cấu hình."),
    (r"The file is larger than 1 MiB,.*", r"Tệp lớn hơn 1 MiB nên không phải tệp cấu hình."),
    (r"There is no such file;.*", r"Không còn tệp cấu hình ở chỗ cũ; hãy báo người cài máy."),
    (
        r"The file cannot be read \((.*)\); check its owner and mode\.",
        r"Không đọc được tệp ({1}); người cài máy cần xem lại quyền của tệp.",
    ),
    (r"Byte (\d+) is not UTF-8;.*", r"Tệp có ký tự lạ ở byte \1; hãy lưu lại bằng UTF-8."),
    (r"Brackets are nested too deeply;.*", r"Quá nhiều ngoặc lồng nhau; nhiều nhất ba lớp."),
)
_NODE: Final[tuple[tuple[str, str], ...]] = (
    (
        r"This becomes part of a topic: .* at most (\d+), such as (.*)\.",
        r"Chỉ dùng a-z, 0-9 và dấu - đơn, không dấu, không cách, nhiều nhất \1 ký tự, như \2.",
    ),
    (r"This is empty; write who answers, .*", r"Còn trống; hãy ghi ai nghe máy, như Nguyễn Văn An."),
    (
        r"This is not a telephone number;.*",
        r"Không phải số điện thoại; hãy ghi như 113 hoặc +84 900 000 000.",
    ),
    (
        r"This is empty; an alert without a place helps nobody\..*",
        r"Còn trống; tin báo phải nói ở đâu. Hãy ghi máy treo ở đâu.",
    ),
    (
        r"These are too many to call in a hurry; keep at most (\d+)\.",
        r"Quá nhiều người để gọi; giữ nhiều nhất \1.",
    ),
    (
        r"These are too many steps to read in a hurry; keep at most (\d+)\.",
        r"Quá nhiều bước để đọc lúc gấp; giữ nhiều nhất \1.",
    ),
    (
        r"Place, steps and contacts of an? (\S+) alert have (\d+) bytes; keep within (\d+)\.",
        r"Địa điểm, các bước và người gọi của tin báo \1 dài \2 byte; giữ trong \3.",
    ),
    (r"This is outside Vietnam;.*", r"Chỗ này ở ngoài Việt Nam; xem có đổi nhầm vĩ độ và kinh độ không."),
    (
        r"Only simulated pins have a simulator:.*",
        r"Chỉ chân giả lập mới có; hãy ghi pin_factory = “mock”, hoặc bỏ dòng này.",
    ),
    (
        r"No button and no detector is real with this;.*",
        r"Nút và đầu báo đang là giả lập; máy thật thì bỏ dòng này, hoặc ghi status = “Test”.",
    ),
    (r"There is no broker to send alerts to;.*", r"Chưa có máy chủ để gửi tin báo; cần thêm mục [[broker]]."),
    (
        r"Sockets in it would have too long a path; it may have (\d+) bytes\.",
        r"Đường dẫn quá dài; nhiều nhất \1 byte.",
    ),
    (
        r"Clips would take room that the outbox needs: give more than storage\.min_free_mb \((\S+)\)\.",
        r"Đoạn phim sẽ chiếm chỗ của tin báo; hãy ghi lớn hơn \1 (storage.min_free_mb).",
    ),
    (r"These are too many; at most (\d+) can open one original\.", r"Quá nhiều; nhiều nhất \1 khóa."),
    (
        r"This is a private key, which must never be on a node:.*",
        r"Đây là khóa bí mật, không được để ở đây; hãy tạo cặp khóa mới và chỉ ghi khóa công khai age1…",
    ),
    (r"This is no public key of age;.*", r"Không phải khóa công khai của age; khóa ấy bắt đầu bằng age1…"),
    (r"There is a slip of the pen in (.*): copy it again\.", r"Khóa \1 chép sai; hãy chép lại."),
    (r"It has to be longer than (\S+), which is (\S+) s\.", r"Phải dài hơn \1, đang là \2 giây."),
    (r"It must be at least (\S+), which is (\S+) s\.", r"Không được ngắn hơn \1, đang là \2 giây."),
    (r"It cannot be shorter than (\S+) \((\S+) s\)\.", r"Không được ngắn hơn \1 (\2 giây)."),
    (
        r"At this bitrate the film before an alert does not fit: give (\d+) MB\.",
        r"Không đủ chỗ cho đoạn phim trước khi báo; hãy ghi \1 MB.",
    ),
)
_DEVICES: Final[tuple[tuple[str, str], ...]] = (
    (
        r"(GPIO|Channel) (\S+) is used by (.*) already;.* Free ones: (.*)\.",
        r"\1 \2 đã dùng cho \3; mỗi chân chỉ một việc. Còn trống: \4.",
    ),
    (
        r"The SPI bus of the MCP3008 usually holds GPIO 7 .*",
        r"GPIO 7 (CE1) thường bị bus SPI giữ; hãy dùng chân khác.",
    ),
    (r"This is empty; give the device a name.*", r"Thiết bị chưa có tên; hãy đặt tên để biết là cái nào."),
    (r"(\S+) has this name already; an alert could not.*", r"Tên này \1 đã dùng; hãy đặt tên khác."),
    (r"(\S+) is the same broker;.*", r"Trùng máy chủ với \1; máy chủ thứ hai phải là máy khác."),
    (
        r"No button, smoke detector or tamper loop is configured;.*",
        r"Chưa có nút nhấn, đầu báo khói hay mạch chống phá nào; cần thêm [[panic_button]].",
    ),
    (r"There is no camera either:.*", r"Cũng chưa có camera: máy này không bao giờ báo được gì."),
    (r"Every button is covert, .*", r"Mọi nút đều là nút kín, nên nhấn nút thì còi này không kêu."),
    (
        r"An alarm could never end: threshold - hysteresis must be above minimum \((.*)\)\.",
        r"Báo khói sẽ không bao giờ hết: threshold - hysteresis phải lớn hơn minimum (\1).",
    ),
    (
        r"A press takes (\S+) s, which must be less than stuck_after_s\.",
        r"Nhấn \1 giây; phải ngắn hơn stuck_after_s.",
    ),
    (r"An RGB LED has three pins .*, but (\d+) are given\.", r"Đèn RGB có ba chân, mà ghi \1."),
    (r"The level must be above (\S+) \((\S+)\), but is (\S+)\.", r"Phải lớn hơn \1 (\2), mà đang là \3."),
    (r"No camera is configured: camera\.source is empty\.", r"Máy chưa cài camera (camera.source để trống)."),
    (r"The camera's (\S+) is wrong\. (.*)", r"Mục camera.\1 chưa đúng. {2}"),
    (
        r"It has to begin with picamera2:, rtsp://, v4l2: or file:, or be empty\.",
        r"Phải bắt đầu bằng picamera2:, rtsp://, v4l2: hoặc file:, hoặc để trống.",
    ),
    (r"After picamera2: comes the camera's number;.*", r"Sau picamera2: là số của camera, như picamera2:0."),
    (r"After (\S+): comes a path, such as (.*)\.", r"Sau \1: là đường dẫn, như \2."),
    (r"A network camera's address looks like (\S+)\.", r"Địa chỉ camera mạng viết như \1."),
    (
        r"It holds a user name or password, but is shown in logs:.*",
        r"Đừng ghi tên và mật khẩu ở đây; hãy dùng username và password_file.",
    ),
    (r"Only an rtsp:// camera has a user name:.*", r"Chỉ camera rtsp:// mới có username; hãy bỏ dòng này."),
    (r"A password needs (?:the username|a user name).*", r"Có mật khẩu thì phải có username."),
    (
        r"The small plane cannot be wider than the frame \((\d+) pixels\)\.",
        r"Không được rộng hơn hình của camera (\1 điểm ảnh).",
    ),
    (
        r"At (\S+) frames/s it must span two frames: at least (\S+) s\.",
        r"Với \1 hình mỗi giây thì ít nhất là \2 giây.",
    ),
    (
        r"There is no model called (.*)\. Choose one of: (.*)\.",
        r"Không có mô hình nhận dạng \1. Hãy chọn: \2.",
    ),
    (
        r"(\S+) is not a host: give a name or an address,.*",
        r"\1 không phải tên máy; ghi tên hoặc địa chỉ, không có mqtts:// và cổng.",
    ),
    (
        r"Only a (broker|station) on this machine may go without TLS, and (.*) is not:.*",
        r"\2 không phải máy này nên phải dùng TLS.",
    ),
    (
        r"A client certificate needs both .*",
        r"Chứng chỉ cần cả cert_file và key_file: ghi cả hai, hoặc bỏ cả hai.",
    ),
    (
        r"Certificates are named, but TLS is off:.*",
        r"Có chứng chỉ mà TLS đang tắt: hãy ghi tls = true, hoặc bỏ chứng chỉ.",
    ),
    (r"This is not the address of a proxy; .* such as (.*)\.", r"Không phải địa chỉ proxy; viết như \1."),
    (r"This is not an address such as (.*)\.", r"Không phải địa chỉ; viết như \1."),
    (
        r"The station knows this node by its token:.*",
        r"Trạm nhận ra máy này bằng mã riêng: hãy ghi tệp chứa mã (token_file).",
    ),
)
KNOWN: Final = (*_READING, *_NODE, *_DEVICES)
