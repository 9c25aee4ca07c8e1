"""What is wrong with this node, and what to do about it.

Owns the checks behind `tuquan doctor`, each a small function that looks at one thing and yields findings. A
running node is asked (through its snapshot) and never disturbed; what does not run is opened for a moment and
closed again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.clockstate import look_at_clock
from edge.config import NodeConfig, client_id
from edge.confirmed import look_at_receipts
from edge.diskchecks import look_at_storage
from edge.events import Language
from edge.eyechecks import look_at_pictures
from edge.findings import Finding, Level, Patient
from edge.health import temperature_c, throttled
from edge.snapshot import Snapshot, read_snapshot
from edge.words import Phrase, component_phrase, phrase, show_time, state_phrase
from models.errors import ModelsError
from models.manifest import load_manifest
from models.report import FileState, describe
from sensors.errors import CameraError, SensorsError
from sensors.readings import Source, State
from sync.clock import ClockQuality
from sync.dial import Stopping, Waiter
from sync.errors import SyncError
from sync.link import Connector
from sync.settings import BrokerSettings

FRESH_NS = 5_000_000_000
HOT_C = 80.0
_CONNECT_S = 8.0


_NODE: Phrase = ("Thiết bị", "Node")
_CAMERA: Phrase = ("Camera", "Camera")
_MODEL: Phrase = ("Mô hình nhận dạng", "Model")
_CLOCK: Phrase = ("Đồng hồ", "Clock")
_BROKER: Phrase = ("Máy chủ MQTT", "Broker")
_SECOND: Phrase = ("Đường dự phòng HTTPS", "Second path")
_SECRETS: Phrase = ("Quyền tệp", "Permissions")
_MACHINE: Phrase = ("Máy", "Machine")


def examine_node(config: NodeConfig, language: Language) -> Iterator[Finding]:
    """Everything that can be looked at on this node, one finding after another; a broker may take seconds."""
    patient = Patient(config=config, now=_fresh(config.storage.runtime_directory), language=language)
    node = (_node, _devices, _camera, _model, look_at_pictures, look_at_storage, _secrets, _clock)
    lines = (_brokers, look_at_receipts, _second_path)
    for check in (*node, *lines, _machine):
        yield from check(patient)


def _fresh(directory: Path) -> Snapshot | None:
    found = read_snapshot(directory)
    if found is None or time.monotonic_ns() - found.at_ns > FRESH_NS:
        return None
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it is there, and another user's
        pass
    return found


def _node(patient: Patient) -> Iterator[Finding]:
    if patient.now is None:
        text = patient.say("Tiến trình báo động không chạy.", "The alarm process does not run.")
        yield Finding(level=Level.BAD, area=_NODE, text=text, remedy="sudo systemctl start tuquan.target")
        return
    running = patient.say("Đang chạy", "It runs")
    yield Finding(level=Level.GOOD, area=_NODE, text=f"{running} (PID {patient.now.pid}).")
    for fault in patient.now.faults:
        area = (
            component_phrase(fault.component, Language.VI),
            component_phrase(fault.component, Language.EN),
        )
        text = f"{fault.device}: {fault.text or fault.code}"
        yield Finding(
            level=Level.BAD,
            area=area,
            text=text,
            remedy=patient.remedy(fault.component, fault.code),
        )


def _devices(patient: Patient) -> Iterator[Finding]:
    if patient.now is None:
        yield from _try_devices(patient)
        return
    for entry in patient.now.devices:
        level = Level.GOOD if entry.state in (State.NORMAL, State.WARMING_UP) else Level.BAD
        area = (
            component_phrase(entry.component, Language.VI),
            component_phrase(entry.component, Language.EN),
        )
        text = f"{entry.device}: {state_phrase(entry.component, entry.state, patient.language)}"
        remedy = patient.remedy(entry.component) if level is Level.BAD else ""
        yield Finding(level=level, area=area, text=text, remedy=remedy)


def _try_devices(patient: Patient) -> Iterator[Finding]:
    """Nobody holds the pins: open each device for a moment."""
    from edge.alarm import device_openers, pin_factory  # noqa: PLC0415 - gpiozero only where it is used

    with contextlib.ExitStack() as stack:
        factory = pin_factory(patient.config, stack, simulator=False)
        for source, name, opener in device_openers(patient.config):
            area = (component_phrase(source, Language.VI), component_phrase(source, Language.EN))
            try:
                stack.callback(opener(lambda _: None, pin_factory=factory).close)
            except SensorsError as error:
                yield Finding(level=Level.BAD, area=area, text=str(error), remedy=patient.remedy(source))
            else:
                opens = patient.say("mở được", "it opens")
                yield Finding(level=Level.GOOD, area=area, text=f"{name}: {opens}")


def _camera(patient: Patient) -> Iterator[Finding]:
    settings, now = patient.config.camera, patient.now
    if not settings.source:
        text = patient.say("Không cấu hình camera.", "None is configured.")
        yield Finding(level=Level.GOOD, area=_CAMERA, text=text)
    elif now is not None and now.vision is not None:
        seen = f"{settings.name}: {now.vision.frames_per_second:g} fps"
        good = now.vision.camera == State.NORMAL
        remedy = "" if good else patient.remedy(Source.CAMERA)
        yield Finding(level=Level.GOOD if good else Level.BAD, area=_CAMERA, text=seen, remedy=remedy)
    else:
        yield _try_camera(patient)


def _try_camera(patient: Patient) -> Finding:
    from sensors.camera import open_camera  # noqa: PLC0415 - av and picamera2 only where they are used

    settings = patient.config.camera
    try:
        camera = open_camera(settings)
        try:
            frame = camera.read(settings.read_timeout_s)
        finally:
            camera.close()
    except CameraError as error:
        remedy = patient.remedy(Source.CAMERA)
        return Finding(level=Level.BAD, area=_CAMERA, text=str(error), remedy=remedy)
    height, width = frame.image.shape[:2]
    return Finding(level=Level.GOOD, area=_CAMERA, text=f"{settings.name}: {width}x{height}")


def _model(patient: Patient) -> Iterator[Finding]:
    settings = patient.config.detector
    if not patient.config.camera.source:
        return
    try:
        report = describe(load_manifest().spec(settings.model), settings.directory)
    except ModelsError as error:
        yield Finding(level=Level.BAD, area=_MODEL, text=str(error), remedy="tuquan model info")
        return
    if report.state is not FileState.READY:
        remedy = f"sudo -u tuquan tuquan model fetch {settings.model} --directory {settings.directory}"
        yield Finding(level=Level.BAD, area=_MODEL, text=report.problem, remedy=remedy)
    elif not report.runtimes:
        text = patient.say("Chưa cài bộ chạy TFLite.", "No TFLite interpreter is installed.")
        yield Finding(level=Level.BAD, area=_MODEL, text=text, remedy="pip install ai-edge-litert")
    else:
        runtime, number = next(iter(report.runtimes.items()))
        yield Finding(level=Level.GOOD, area=_MODEL, text=f"{settings.model} ({runtime} {number})")


def _secrets(patient: Patient) -> Iterator[Finding]:
    for path in _secret_files(patient.config):
        if path.is_relative_to("/run/credentials"):  # systemd looks after those
            continue
        try:
            mode = path.stat().st_mode
        except OSError as error:
            remedy = patient.say("Làm như docs/install.md, mục 4.", "Put it there: docs/install.md, 4.")
            text = f"{path}: {error.strerror}"
            yield Finding(level=Level.BAD, area=_SECRETS, text=text, remedy=remedy)
            continue
        if mode & 0o077:
            text = patient.say(f"Người khác đọc được {path}.", f"Others may read {path}.")
            yield Finding(level=Level.WARNING, area=_SECRETS, text=text, remedy=f"sudo chmod 600 {path}")


def _secret_files(config: NodeConfig) -> Iterator[Path]:
    files = [path for broker in config.broker for path in (broker.password_file, broker.key_file)]
    files += [config.intake.token_file, config.intake.key_file]
    yield from (path for path in dict.fromkeys(files) if path is not None)


def _clock(patient: Patient) -> Iterator[Finding]:
    state = look_at_clock(patient.config.storage.directory)
    level = Level.WARNING if state.quality is ClockQuality.UNSYNCED else Level.GOOD
    remedy = "sudo timedatectl set-ntp true" if level is Level.WARNING else ""
    yield Finding(level=level, area=_CLOCK, text=phrase(state.quality, patient.language), remedy=remedy)
    if state.behind_us:
        shown, least = show_time(state.machine_us), show_time(state.floor_us)
        text = patient.say(
            f"Đồng hồ của máy chỉ {shown}, trong khi ít nhất đã là {least}: chứng chỉ sẽ bị từ chối.",
            f"The machine's clock shows {shown}, and it is {least} at least: certificates will be refused.",
        )
        yield Finding(level=Level.BAD, area=_CLOCK, text=text, remedy="sudo tuquan clock raise")
    if state.problem:
        text = patient.say(
            f"Không dùng được {state.file} ({state.problem}): sau khi mất điện sẽ không biết giờ.",
            f"{state.file} cannot be used ({state.problem}): after a power cut there is no time to go by.",
        )
        yield Finding(level=Level.WARNING, area=_CLOCK, text=text, remedy=f"sudo rm {state.file}")
    elif state.record is not None:
        last = patient.say("Lần cuối biết giờ đúng", "Last known good time")
        yield Finding(level=Level.GOOD, area=_CLOCK, text=f"{last}: {show_time(state.record.wall_us)}")


def _brokers(patient: Patient) -> Iterator[Finding]:
    for broker in patient.config.broker:
        problem = _try_broker(broker, f"{client_id(patient.config)}/doctor")
        text = (
            f"{broker.name}: {problem}"
            if problem
            else patient.say(f"{broker.name}: đã kết nối.", f"{broker.name}: it lets us in.")
        )
        remedy = patient.remedy("uplink") if problem else ""
        yield Finding(level=Level.BAD if problem else Level.GOOD, area=_BROKER, text=text, remedy=remedy)


def _second_path(patient: Patient) -> Iterator[Finding]:
    settings = patient.config.intake
    if not settings.url:
        return
    from sync.secondpath import check  # noqa: PLC0415 - requests only where there is a second path

    waiter = Waiter()
    try:
        problem = check(settings, waiter)
    finally:
        waiter.close()
    if problem:
        remedy = patient.say(
            "Kiểm tra [intake]: url, ca_file, token_file. Cấp mã mới tại trạm: tuquan station token",
            "Check [intake]: url, ca_file, token_file. A new token at the station: tuquan station token",
        )
        yield Finding(level=Level.BAD, area=_SECOND, text=f"{settings.host}: {problem}.", remedy=remedy)
    else:
        known = patient.say("trạm nhận ra thiết bị này.", "the station knows this node.")
        yield Finding(level=Level.GOOD, area=_SECOND, text=f"{settings.host}: {known}")


def _try_broker(broker: BrokerSettings, as_client: str) -> str:
    """Connect under another client id, so that the running node is not thrown out; returns what is wrong."""
    waiter = Waiter()
    connector = Connector(waiter, time.monotonic, timeout_s=_CONNECT_S, keepalive_s=60)
    try:
        link, _ = connector.connect(broker, as_client, None)
        link.disconnect()
        link.close()
    except (SyncError, Stopping) as error:
        return str(error)
    finally:
        waiter.close()
    return ""


def _machine(patient: Patient) -> Iterator[Finding]:
    heat, complaints = temperature_c(), throttled()
    if heat is not None:
        level = Level.WARNING if heat >= HOT_C else Level.GOOD
        remedy = (
            patient.say("Che nắng, thêm tản nhiệt.", "Shade it, add a heat sink.") if heat >= HOT_C else ""
        )
        yield Finding(level=level, area=_MACHINE, text=f"{heat:.0f} °C", remedy=remedy)
    if complaints:
        remedy = patient.say(
            "Dùng nguồn chính hãng và dây ngắn.", "Use the official power supply and a short cable."
        )
        yield Finding(level=Level.BAD, area=_MACHINE, text=", ".join(complaints), remedy=remedy)
