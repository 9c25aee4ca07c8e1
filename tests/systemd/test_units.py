"""The units keep the promises that their comments make, by systemd's own tools and by reading them."""

import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
SERVICES = ("tuquan-alarm.service", "tuquan-vision.service")
CLOCK = "tuquan-clock.service"
UNITS = (*SERVICES, CLOCK, "tuquan.target")
EXPOSURE_LIMIT = 25  # tenths: systemd calls anything up to 2.9 "OK"

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="NOT CHECKED: systemd-analyze is missing (Debian package systemd); the units were only read",
)


def directives(path):
    """Return (section, key, value) for every directive of a unit, in order; keys may repeat."""
    section, found = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def values(unit, key):
    """Return every value that a unit of ours gives to a key, in order."""
    return [value for _, name, value in directives(SYSTEMD / unit) if name == key]


def run(*words):
    """Run one of systemd's tools and return it with its output; the tests judge the exit code."""
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copies(tmp_path):
    """Give copies of the units whose program exists on this machine, for tools that look for it."""
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text(encoding="utf-8")
        (tmp_path / unit).write_text(text.replace("/opt/tuquan/bin/tuquan", "/bin/true"), encoding="utf-8")
    return tmp_path


@needs_analyze
def test_systemd_finds_nothing_to_complain_about(copies):
    """`systemd-analyze verify` reads all units without a word."""
    seen = run("systemd-analyze", "verify", "--recursive-errors=no", *(str(copies / unit) for unit in UNITS))
    assert (seen.returncode, seen.stdout, seen.stderr) == (0, "", "")


@needs_analyze
def test_verify_would_notice_a_misspelt_directive(copies):
    """The check above can fail: a key that systemd does not know is reported."""
    unit = copies / "tuquan-alarm.service"
    text = unit.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchdogSecs=")
    unit.write_text(text, encoding="utf-8")
    assert "WatchdogSecs" in run("systemd-analyze", "verify", "--recursive-errors=no", str(unit)).stderr


@needs_analyze
@pytest.mark.parametrize("service", [*SERVICES, CLOCK])
def test_exposure_is_low(service, copies):
    """`systemd-analyze security` gives each service at most 2.5 of 10."""
    seen = run(
        "systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT}", str(copies / service)
    )
    assert seen.returncode == 0, seen.stdout


@needs_analyze
def test_a_network_camera_keeps_exposure_low(copies):
    """With the RTSP drop-in, the vision service still stays within 2.5."""
    service = copies / "tuquan-vision.service"
    drop_in = (SYSTEMD / "dropins/rtsp-camera.conf").read_text(encoding="utf-8")
    service.write_text(service.read_text(encoding="utf-8") + "\n" + drop_in, encoding="utf-8")
    assert run("systemd-analyze", "verify", "--recursive-errors=no", str(service)).stderr == ""
    seen = run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT}", str(service))
    assert seen.returncode == 0, seen.stdout


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("key", "promised"),
    [
        ("Type", "notify"),
        ("Restart", "always"),
        ("SuccessExitStatus", "75"),
        ("StartLimitIntervalSec", "0"),
        ("User", "tuquan"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "tuquan"),
        ("RuntimeDirectory", "tuquan"),
        ("RuntimeDirectoryPreserve", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("DevicePolicy", "closed"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
        ("PartOf", "tuquan.target"),
        ("WantedBy", "tuquan.target"),
    ],
)
def test_both_services_promise(service, key, promised):
    """What holds for both processes stands once in each unit, with the promised value."""
    assert values(service, key) == [promised]


@pytest.mark.parametrize(
    ("key", "alarm", "vision"),
    [
        ("WatchdogSec", "10s", "60s"),
        ("RestartSec", "500ms", "5s"),
        ("SupplementaryGroups", "gpio spi", "video"),
        ("OOMScoreAdjust", "-900", "500"),
        ("Nice", "-5", "10"),
        ("LoadCredential", "tuquan:/etc/tuquan/credentials/alarm", "tuquan:/etc/tuquan/credentials/vision"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6", "AF_UNIX AF_NETLINK"),
    ],
)
def test_each_service_has_its_own(key, alarm, vision):
    """The two differ: the alarm process is served first, killed last, and alone reaches the broker."""
    assert [values(service, key) for service in SERVICES] == [[alarm], [vision]]


@pytest.mark.parametrize("service", SERVICES)
def test_a_press_waits_for_neither_network_nor_time(service):
    """No unit is ordered after, or pulls in, the network being online or the time being known."""
    named = [
        word
        for key in ("After", "Wants", "Requires")
        for value in values(service, key)
        for word in value.split()
    ]
    assert [word for word in named if word.startswith(("network", "time-s"))] == []


def test_the_clock_may_be_set_by_one_process_that_may_do_nothing_else():
    """The floor's service has the one capability, no network and no devices, and can only end."""
    assert values(CLOCK, "CapabilityBoundingSet") == values(CLOCK, "AmbientCapabilities") == ["CAP_SYS_TIME"]
    assert values(CLOCK, "User") == ["tuquan"]
    assert (values(CLOCK, "ProtectClock"), values(CLOCK, "PrivateUsers")) == ([], [])
    assert (values(CLOCK, "PrivateNetwork"), values(CLOCK, "NoNewPrivileges")) == (["yes"], ["yes"])
    assert (values(CLOCK, "DevicePolicy"), values(CLOCK, "DeviceAllow")) == (["closed"], [])
    assert values(CLOCK, "SystemCallFilter")[-1] == "@clock"
    assert (values(CLOCK, "Type"), values(CLOCK, "WantedBy")) == (["oneshot"], ["tuquan.target"])
    assert values(CLOCK, "ExecStart") == ["/opt/tuquan/bin/tuquan clock raise --config /etc/tuquan/node.toml"]


def test_no_press_waits_for_the_clock_to_be_raised():
    """The floor's service comes after the disks, and before nothing."""
    assert values(CLOCK, "Before") == []
    assert "local-fs.target" in values(CLOCK, "After")[0].split()
    assert CLOCK in values("tuquan.target", "Also")[0].split()


def test_vision_cannot_take_the_alarm_down():
    """No unit requires, binds to or conflicts with another: a dead vision process stays alone."""
    strong = {
        "Requires",
        "BindsTo",
        "Requisite",
        "Conflicts",
        "PropagatesStopTo",
        "StopPropagatedFrom",
        "OnFailure",
    }
    assert [key for unit in UNITS for _, key, _ in directives(SYSTEMD / unit) if key in strong] == []
    assert values("tuquan-alarm.service", "After") == []


def test_vision_has_no_network_of_its_own():
    """The camera process cannot reach the network, unless the drop-in for a network camera gives it back."""
    assert values("tuquan-vision.service", "PrivateNetwork") == ["yes"]
    assert values("tuquan-vision.service", "IPAddressDeny") == ["any"]
    assert values("dropins/rtsp-camera.conf", "PrivateNetwork") == ["no"]
    assert values("dropins/rtsp-camera.conf", "IPAddressDeny") == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_clock_may_be_read_and_not_set(service):
    """Events carry the clock's quality, so reading it is allowed; ProtectClock would forbid that too."""
    assert values(service, "ProtectClock") == []
    assert values(service, "ProcSubset") == []
    assert values(service, "SystemCallFilter")[-1] == "adjtimex clock_adjtime"


@pytest.mark.parametrize(
    ("service", "devices"),
    [
        (SERVICES[0], ["char-gpiochip", "char-spi"]),
        (SERVICES[1], ["char-video4linux", "char-media", "char-dma_heap"]),
    ],
)
def test_each_service_opens_its_own_devices_only(service, devices):
    """The alarm process gets pins and ADC, the vision process the camera; neither the other's."""
    assert values(service, "DeviceAllow") == [f"{device} rw" for device in devices]


def test_the_alarm_process_uses_lgpio_in_a_writable_place():
    """The pin library must not fall through to another one, and lgpio must not write its pipe to /."""
    environment = values("tuquan-alarm.service", "Environment")
    assert "GPIOZERO_PIN_FACTORY=lgpio" in environment
    assert "LG_WD=%t/tuquan" in environment


def megabytes(service, key):
    (value,) = values(service, key)
    assert value.endswith("M")
    return int(value[:-1])


@pytest.mark.parametrize(("service", "steady_mb"), [(SERVICES[0], 60), (SERVICES[1], 160)])
def test_memory_limits_leave_room_above_the_measured_state(service, steady_mb):
    """High is a fifth above the steady state at least, Max above High, and nothing goes to swap."""
    assert steady_mb * 1.2 <= megabytes(service, "MemoryHigh") < megabytes(service, "MemoryMax")
    assert values(service, "MemorySwapMax") == ["0"]


def test_both_processes_fit_a_pi_with_half_a_gigabyte():
    """Both limits together leave a Pi Zero 2 W (about 416 MB after the firmware's share) its system."""
    assert sum(megabytes(service, "MemoryHigh") for service in SERVICES) <= 416 - 80


def test_the_alarm_process_comes_first_by_weight():
    """CPU and I/O weights favour the alarm process by a factor of ten at least."""
    for key in ("CPUWeight", "IOWeight"):
        alarm, vision = (int(values(service, key)[0]) for service in SERVICES)
        assert alarm >= 10 * vision


@pytest.fixture
def root(tmp_path):
    """Give an empty file system for sysusers and tmpfiles, as root of one would have it."""
    for folder in ("etc/tuquan", "run", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/tuquan/node.toml").touch(mode=0o644)
    return tmp_path


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="NOT CHECKED: systemd-sysusers is missing"
)
def test_sysusers_makes_one_user_without_a_shell_and_its_groups(root):
    """The node's user has no shell and no groups; the hardware groups exist afterwards."""
    seen = run("systemd-sysusers", f"--root={root}", str(SYSTEMD / "tuquan.sysusers.conf"))
    assert seen.returncode == 0, seen.stderr
    (user,) = (root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    assert user.startswith("tuquan:x:")
    assert user.endswith(":/var/lib/tuquan:/usr/sbin/nologin")
    groups = [line.split(":") for line in (root / "etc/group").read_text(encoding="utf-8").splitlines()]
    assert {group[0] for group in groups} == {"gpio", "spi", "video", "tuquan"}
    assert {group[3] for group in groups} == {""}


@pytest.mark.skipif(
    shutil.which("systemd-tmpfiles") is None or shutil.which("systemd-sysusers") is None,
    reason="NOT CHECKED: systemd-tmpfiles is missing",
)
def test_tmpfiles_keeps_secrets_to_root_and_state_to_the_node(root):
    """Configuration is readable by the node's group, credentials by root alone, state belongs to the node."""
    if (root / "etc").stat().st_uid != 0:
        pytest.skip("NOT CHECKED: only root can give files to another user")
    run("systemd-sysusers", f"--root={root}", str(SYSTEMD / "tuquan.sysusers.conf"))
    seen = run("systemd-tmpfiles", f"--root={root}", "--create", str(SYSTEMD / "tuquan.tmpfiles.conf"))
    assert seen.returncode == 0, seen.stderr
    (line,) = (root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    uid, gid = (int(part) for part in line.split(":")[2:4])
    modes = {}
    for path in ("etc/tuquan/node.toml", "etc/tuquan/credentials/alarm", "var/lib/tuquan", "run/tuquan"):
        status = (root / path).stat()
        modes[path] = (oct(status.st_mode)[-3:], status.st_uid, status.st_gid)
    assert modes == {
        "etc/tuquan/node.toml": ("640", 0, gid),
        "etc/tuquan/credentials/alarm": ("700", 0, 0),
        "var/lib/tuquan": ("750", uid, gid),
        "run/tuquan": ("750", uid, gid),
    }


def test_no_package_here():
    """A folder called systemd must never become importable: it would shadow python-systemd."""
    assert not list(SYSTEMD.glob("**/*.py"))
