"""The configuration files of the demo's node and station, and the names in them, in both languages."""

NODE = """\
# The node of `tuquan demo`: simulated pins, a video for a camera, a broker on this machine.
[node]
commune = "phuong-thu-nghiem"
name = "cho-cong-dong"
place = "{place}"
latitude = 10.7725
longitude = 106.6980
language = "{language}"
status = "Exercise"

[storage]
directory = "{folder}/data"
runtime_directory = "{folder}/run"

[gpio]
pin_factory = "mock"
simulator_socket = "{folder}/run/sim.sock"

[[panic_button]]
name = "{button}"
pin = {panic}

[[smoke_detector]]
name = "{smoke_name}"
pin = {smoke}
warm_up_s = 3

[[tamper_loop]]
name = "{tamper_name}"
channel = {tamper}

[camera]
name = "camera"
source = "file:{video}"

# The video is cut together from several shots: each cut would be a lamp that is switched on, and a camera
# that somebody covered or turned.
[motion]
hold_s = 0

[camera_view]
enabled = false

[detector]
directory = "{models}"

[[zone]]
name = "{zone_name}"
points = "0,0 1,0 1,1 0,1"

[[rule]]
kind = "intrusion"
zone = "{zone_name}"
cooldown_s = 8

[uplink]
ack_timeout_s = 2.0
retry_max_s = 3.0

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""

STATION = """\
# The station of `tuquan demo`.
[station]
commune = "phuong-thu-nghiem"
place = "{desk}"
latitude = 10.7769
longitude = 106.7009
status = "Exercise"

[archive]
directory = "{folder}/station"
runtime_directory = "{folder}/station-run"

[watch]
lost_after_s = 8

[[broker]]
host = "127.0.0.1"
port = {broker_port}
tls = false
"""

NAMES = {
    "vi": {
        "place": "Chợ Bến Thành, cổng Đông",
        "button": "nút cổng Đông",
        "smoke_name": "báo khói sạp 12",
        "tamper_name": "tủ thiết bị",
        "zone_name": "Cổng Đông",
        "desk": "Công an phường, phòng trực ban",
    },
    "en": {
        "place": "Ben Thanh market, east gate",
        "button": "east gate button",
        "smoke_name": "smoke stall 12",
        "tamper_name": "cabinet",
        "zone_name": "East gate",
        "desk": "Ward police, duty room",
    },
}
