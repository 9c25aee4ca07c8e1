"""What does not work, in Vietnamese: the camera, the model, pictures that are kept, and saving on the page.

Owns one part of the tables of `edge.setup.spoken`, which says what the marks in them mean.
"""

from __future__ import annotations

from typing import Final

_CAMERA: Final[tuple[tuple[str, str], ...]] = (
    (
        r"Within seconds the camera sees no outlines any more:.*",
        r"Ống kính camera bị che. Hãy ra xem và lau.",
    ),
    (
        r"The camera sees another place than usual:.*",
        r"Camera thấy chỗ khác mọi khi: bị xoay, hoặc có vật chắn. Hãy ra xem.",
    ),
    (r"Most of the camera's picture is white:.*", r"Đèn mạnh rọi vào camera nên hình bị trắng."),
    (r"It is too dark for the camera to see anything\.", r"Tối quá, camera không thấy gì. Hãy bật đèn."),
    (r"The camera sends the very same picture again and again\.", r"Hình camera bị đứng."),
    (
        r"The camera's password_file (.*) cannot be read: (.*)\.",
        r"Không đọc được tệp mật khẩu camera \1: {2}.",
    ),
    (r"(.*) cannot be used: there is no video in it\.", r"Camera \1 không có hình động."),
    (
        r"(.*) cannot be used: no decoder for its kind of video is here\.",
        r"Máy không đọc được kiểu hình của \1.",
    ),
    (
        r"(.*) cannot be used: (.*)\. Check its cable and that nothing else uses it; .*",
        r"Không dùng được camera \1: {2}. Hãy xem lại cáp, và xem có chương trình nào đang dùng không.",
    ),
    (
        r"(.*) is damaged: (\d+) packets in a row gave no picture\.",
        r"Hình từ camera \1 bị hỏng, \2 gói liền không có hình.",
    ),
    (
        r"The thread of (.*) does not end: its camera's library hangs\.",
        r"Camera \1 bị treo. Hãy khởi động lại máy.",
    ),
    (r"(.*) cannot be opened: (.*?)\. (.*)", r"Không mở được camera \1: {2}. {3}"),
    (r"(.*) cannot be opened: (.*)\.", r"Không mở được camera \1: {2}."),
    (r"it did not answer(?: within (\S+) s| in time)", r"camera không trả lời"),
    (r"it refuses the user name or the password", r"sai tên hoặc mật khẩu"),
    (r"it has no stream of this name", r"địa chỉ luồng hình không đúng"),
    (r"it is not a video or picture that can be read here", r"không phải hình đọc được"),
    (r"libav does not accept it", r"không đọc được"),
    (r"there is no such file|No such file or directory|No such device.*", r"không có"),
    (r"it is not a file", r"không phải tệp"),
    (r"the file is empty", r"tệp trống"),
    (r"it is not text in UTF-8", r"không phải chữ UTF-8"),
    (r"it delivers (\S+), and only .*", r"kiểu hình \1 không đọc được"),
    (r"picamera2 cannot be loaded: .*", r"chưa cài picamera2 (python3-picamera2)"),
    (r"Check the address, the login, .*", r"Hãy xem lại địa chỉ, mật khẩu, mạng và nguồn của camera."),
    (
        r"Check that the camera is plugged in .*",
        r"Hãy cắm lại camera, và xem có chương trình nào đang dùng không.",
    ),
    (r"Play it on a computer to see .*", r"Hãy mở tệp trên máy tính xem có đủ không."),
    (
        r"(.*) (?:sent nothing in time|gives no frames any more|(?:gave no frame|sent no picture) .*)\.",
        r"Camera \1 không gửi hình nữa. Hãy xem lại nguồn và dây của camera.",
    ),
    (r"(.*) cannot be read any further: (.*)\.", r"Mất hình từ camera \1: {2}. Hãy xem lại nguồn và dây."),
    (r"(.*) has ended the stream\.", r"Camera \1 đã ngừng gửi hình."),
    (r"(.*) (?:is closed|has come to its end)\.", r"Hết hình từ \1."),
    (r"(.*) shows its next picture in (\S+) s\.", r"\1 có hình tiếp theo sau \2 giây."),
    (r"(.*) cannot be shown: no picture in it can be decoded\.", r"Không đọc được hình nào trong \1."),
    (r"(.*) ends early: .*", r"Tệp \1 bị thiếu hoặc hỏng; hãy chép lại."),
    (
        r"(.*) does not close: picamera2 has hung\. Restart the vision process\.(.*)",
        r"Camera \1 bị treo. Hãy khởi động lại máy.{2}",
    ),
    (r"(.*) stumbled over an error of the software: (.*)\.", r"Phần mềm gặp lỗi ở \1: \2."),
    (r"An error of the software: (.*)\.", r"Phần mềm gặp lỗi: \1."),
    (r"(.*) End tuquan setup, and start it again\.", r"{1} Hãy tắt tuquan setup rồi mở lại."),
)
_MODEL: Final[tuple[tuple[str, str], ...]] = (
    (
        r"There is no model at (.*)\. Get it with: (.*)",
        r"Máy chưa có mô hình nhận dạng nên chưa nhận ra người. Người cài máy cần chạy: sudo \2",
    ),
    (
        r"(.*) is not the model (.*): .*\. Get it with: (.*)",
        r"Mô hình nhận dạng bị hỏng. Người cài máy cần chạy: sudo \3",
    ),
    (r"The model (.*) cannot be read: (.*)\.", r"Không đọc được mô hình nhận dạng \1: {2}."),
    (r"There is no model file at (.*)\.", r"Không có mô hình nhận dạng ở \1."),
    (
        r".* is no intact model: .*|\S+ (?:did not end with|does not accept) .*(?:within|as a model).*",
        r"Mô hình nhận dạng bị hỏng. Người cài máy cần chạy: sudo tuquan model fetch",
    ),
    (r"No TFLite interpreter can be used \(.*\)\. .*", r"Máy chưa cài phần chạy mô hình (ai-edge-litert)."),
    (r"The model (.*)\. It is another model: .*", r"Mô hình nhận dạng không đúng loại (\1)."),
    (r"It is another model: .*", r"Mô hình nhận dạng không đúng loại."),
    (r"Install ai-edge-litert; .*", r"Hãy cài ai-edge-litert."),
    (r"(.*) could not run the model: (.*)\.", r"Mô hình nhận dạng chạy bị lỗi: \2."),
    (
        r"The model (\S+) takes .*|A picture must be uint8.*|Hand infer\(\) what .*",
        r"Hình đưa vào mô hình bị sai.",
    ),
)
_PICTURES: Final[tuple[tuple[str, str], ...]] = (
    (
        r"Originals cannot be sealed here, so none is kept: the package pyrage is missing\..*",
        r"Chưa niêm phong được bản gốc nên không giữ bản gốc: thiếu gói pyrage.",
    ),
    (r"There is nobody to seal to: .*", r"Chưa có khóa để niêm phong bản gốc (evidence.recipients)."),
    (r"Originals cannot be sealed to these keys: (.*)\.", r"Không niêm phong được bằng các khóa đã ghi: \1."),
    (
        r"A clip of (\S+) MB does not fit into (.*?): .*",
        r"Thẻ nhớ hết chỗ cho đoạn phim \1 MB. Hãy giải phóng thẻ nhớ.",
    ),
    (r"There is a clip of the incident (\S+) already\.", r"Đã có đoạn phim của sự việc này."),
    (
        r"More incidents came at once than .*",
        r"Quá nhiều sự việc cùng lúc; có sự việc không có đoạn phim.",
    ),
    (r"The outbox takes no pictures now: (.*)", r"Chưa gửi được hình ảnh: {1}"),
    (r"No encoder can be opened for pictures of (\S+) .*", r"Máy không ghi được phim cỡ \1."),
    (r"The encoder (.*) failed: (.*)\.", r"Ghi phim bị lỗi (\1)."),
    (r"Film of (\S+) cannot be decoded: .*", r"Không đọc được phim cỡ \1."),
    (
        r"The encoder hangs; only a new process gets it back\.",
        r"Phần ghi phim bị treo. Hãy khởi động lại máy.",
    ),
    (r"The thread that .* does not end.*", r"Phần ghi phim chưa dừng được. Hãy khởi động lại máy."),
    (
        r"Clips whose deletion was asked for cannot be deleted: (.*)",
        r"Có đoạn phim được yêu cầu xóa mà chưa xóa được: {1}",
    ),
    (
        r"What (.*) asks for cannot be read, and is not done: .*",
        r"Không đọc được yêu cầu ở \1 nên chưa làm. Hãy yêu cầu lại rồi xóa tệp đó.",
    ),
    (r"Nothing can be kept in (.*): (.*)\.", r"Không lưu được hình ảnh vào \1: {2}."),
    (
        r"The disk is full: nothing more can be kept in (.*)\.",
        r"Thẻ nhớ đã đầy, không lưu thêm hình ảnh được.",
    ),
    (r"Another process holds (.*) for too long\.", r"Chương trình khác đang giữ \1 quá lâu."),
    (r"There is no film of this time\.", r"Không có phim của lúc này."),
    (
        r"What (\S+)(?: \(and \d+ more\))? asks for cannot be read, and is not done: .*",
        r"Yêu cầu \1 không đọc được nên chưa làm. Hãy yêu cầu gửi hay xóa lại, rồi bỏ tệp ấy.",
    ),
    (r"The film cannot be written as MP4: (.*)\.", r"Không ghi được phim: \1."),
)
_STATION: Final[tuple[tuple[str, str], ...]] = (
    (
        r"Pictures stay beyond evidence\.keep_days: nobody vouches for this machine's clock\.",
        r"Hình ảnh được giữ quá evidence.keep_days vì đồng hồ của trạm chưa chắc đúng. Hãy xem: timedatectl",
    ),
    (
        r"Pictures that are marked to be kept take more than evidence\.max_percent of the disk, .*",
        (
            r"Hình ảnh được đánh dấu giữ lại chiếm quá evidence.max_percent của đĩa, trạm không nhận thêm. "
            r"Hãy thôi giữ bớt, hoặc tăng evidence.max_percent."
        ),
    ),
    (r"Old pictures cannot be deleted in (.*): (.*)\.", r"Không xóa được hình ảnh cũ trong \1: {2}."),
    (
        r"(.*) has to go \((?:.*)\) and cannot be deleted: (.*)\.",
        r"Phải xóa \1 (hết hạn hoặc hết chỗ) mà không xóa được: {2}.",
    ),
    (
        r"its folder is not the station's: (.*)",
        r"thư mục không thuộc người dùng của trạm, hãy chạy: \1",
    ),
    (
        r"The thread that deletes old pictures does not end: the disk hangs\.",
        r"Phần xóa hình ảnh cũ bị treo vì đĩa. Hãy khởi động lại trạm.",
    ),
)
_DEVICES: Final[tuple[tuple[str, str], ...]] = (
    (r"The detector reports a fault, or has no power\.", r"Đầu báo khói báo lỗi, hoặc mất nguồn."),
    (r"The level is next to nothing: .*", r"Cảm biến khói bị rút dây, hoặc mất nguồn."),
    (r"Held for more than (\S+) s\.", r"Nút bị nhấn quá \1 giây."),
    (
        r"(?:The )?(RGB lamp|Lamp .*|siren) cannot be switched \(.*\)\.",
        r"Không bật tắt được đèn hoặc còi (\1).",
    ),
    (r"The mains is gone; .*", r"Mất điện lưới, đang chạy bằng nguồn dự phòng."),
)
_SAVING: Final[tuple[tuple[str, str], ...]] = (
    (r"Permission denied|Operation not permitted", r"máy không cho phép"),
    (r"Read-only file system", r"thẻ nhớ chỉ đọc được, không ghi được"),
    (r"No space left on device|Disk quota exceeded", r"thẻ nhớ đã đầy"),
    (r"Input/output error", r"thẻ nhớ bị lỗi"),
    (r"Connection refused|Network is unreachable|No route to host", r"không tới được qua mạng"),
    (r"(?:\S+) was changed by somebody else in the meantime\.", r"Có người khác vừa sửa tệp."),
    (r"(\S+) cannot be written: (.*)\.", r"Không ghi được tệp \1: {2}."),
    (
        r"(\S+) is written, but perhaps not kept: (.*)\.",
        r"Tệp \1 đã ghi, nhưng có thể mất khi mất điện: {2}.",
    ),
    (r"(\S+) cannot be read: (.*)\.", r"Không đọc được tệp \1: {2}."),
    (r"There is no version .*", r"Không còn bản này."),
    (r"The version (\S+) cannot be read: .*", r"Bản \1 không đọc được nữa."),
    (
        r"This file is written in a way that cannot be changed here without touching something else\..*",
        r"Tệp viết theo cách không sửa riêng được. Mỗi vùng, vạch, quy tắc cần một mục riêng, như [[zone]].",
    ),
    (r"This file cannot be changed here: (.*)", r"Không sửa được tệp này ở đây: \1."),
    (
        r"(?:A draft is|thresholds holds|An entry of|Each point is|\S+ is a|\S+ lists) .*|\S+ is missing\.",
        "Trang gửi lên thiếu hoặc sai. Hãy tải lại trang.",
    ),
    (r"(.*) has (\d+) problems?:\n.*", r"Tệp cấu hình có \2 chỗ sai."),
)
KNOWN: Final = (*_STATION, *_PICTURES, *_MODEL, *_DEVICES, *_SAVING, *_CAMERA)
