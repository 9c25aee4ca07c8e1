"""Opening a device that cannot be opened: the sentence a volunteer reads."""

import subprocess
import sys
from pathlib import Path

import gpiozero
import pytest

from sensors.button import PanicButton, PanicButtonSettings
from sensors.errors import PinProblem, SensorsError
from sensors.pins import opening, pin_problem
from sensors.smoke import SmokeSensor, SmokeSensorSettings

REPOSITORY = Path(__file__).parents[2]


class LgpioError(Exception):
    """lgpio's own error derives from Exception alone."""


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        (LgpioError("'GPIO busy'"), "another program holds this pin", "Stop the other program"),
        (LgpioError("can not open gpiochip"), "no GPIO chip", "group gpio"),
        (FileNotFoundError(2, "No such file", ".lgd-nfy-3"), "notification pipe", "LG_WD"),
        (PermissionError(13, "Permission denied", "/dev/mem"), "may not use", "group gpio"),
        (PermissionError("Operation not permitted"), "may not use", "group gpio"),
        (gpiozero.PinUnknownPi("unable to locate Pi revision"), "not a Raspberry Pi", "mock"),
        (gpiozero.BadPinFactory("Unable to load any default pin factory!"), "not be loaded", "lgpio"),
        (ImportError("No module named 'lgpio'"), "could not be loaded", "Install python3-lgpio"),
        (LgpioError("'bad handle'"), "LgpioError: 'bad handle'", "doctor"),
    ],
)
def test_what_a_gpio_library_raises_becomes_a_reason_and_a_remedy(error, reason, remedy):
    """Each known trap says what to do; an unknown one is told as it is."""
    problem = pin_problem("gate", 17, error)
    assert reason in problem.reason
    assert remedy in problem.remedy
    assert str(problem) == f"gate on GPIO 17 cannot be opened: {problem.reason}. {problem.remedy}"


def test_a_pin_problem_is_an_operating_system_error_of_this_package():
    """It can be caught by either parent, keeps its cause, and is not translated twice."""
    with pytest.raises(PinProblem) as caught, opening("outer", None), opening("gate", 4):
        raise LgpioError("GPIO busy")
    assert isinstance(caught.value, SensorsError)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, LgpioError)
    assert (caught.value.device, caught.value.pin) == ("gate", 4)


def test_a_pin_that_does_not_exist_is_named(bench):
    """Position 40 on the header is no BCM number."""
    with pytest.raises(PinProblem, match=r"on GPIO 40 .*no such GPIO pin.*from 2 to 27"):
        PanicButton(PanicButtonSettings(pin=40), bench.emit, pin_factory=bench.factory)


def test_a_button_on_a_pin_of_the_adc_is_refused(bench):
    """The ADC's four pins are taken while one of its channels is open."""
    sensor = SmokeSensor(SmokeSensorSettings(), bench.emit, pin_factory=bench.factory)
    with pytest.raises(PinProblem, match="8, 9, 10 and 11"):
        PanicButton(PanicButtonSettings(pin=10), bench.emit, pin_factory=bench.factory)
    sensor.close()
    PanicButton(PanicButtonSettings(pin=10), bench.emit, pin_factory=bench.factory).close()


def run_python(code, factory):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"GPIOZERO_PIN_FACTORY": factory, "PATH": "/usr/bin:/bin"},
        cwd=str(REPOSITORY),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


OPEN_A_BUTTON = """
from sensors.button import PanicButton, PanicButtonSettings
from sensors.errors import PinProblem
heard = []
try:
    button = PanicButton(PanicButtonSettings(), heard.append)
except PinProblem as problem:
    print(problem)
else:
    button._line._device.pin.drive_low()
    print(*[reading.state for reading in heard])
"""


def test_without_a_factory_gpiozeros_own_choice_is_used():
    """GPIOZERO_PIN_FACTORY=mock is configuration, not a code path."""
    assert run_python(OPEN_A_BUTTON, "mock").stdout == "pressed\n"


@pytest.mark.parametrize("factory", ["rpigpio", "no-such-factory"])
def test_a_factory_that_cannot_be_loaded_says_what_to_install(factory):
    """A laptop without the Pi's libraries gives a sentence and no traceback."""
    result = run_python(OPEN_A_BUTTON, factory)
    assert "panic-button on GPIO 17 cannot be opened: the GPIO library could not be loaded" in result.stdout
    assert "GPIOZERO_PIN_FACTORY=lgpio" in result.stdout


def test_importing_the_package_is_light():
    """Neither numpy nor libav nor the camera nor gpiozero comes with the names that everyone needs."""
    heavy = {"numpy", "av", "picamera2", "gpiozero", "PIL"}
    code = f"import sys, sensors; print(sorted({heavy} & set(sys.modules)))"
    assert run_python(code, "mock").stdout == "[]\n"


def test_the_gpio_half_needs_no_numpy():
    """The alarm process stays small."""
    code = (
        "import sys, sensors.button, sensors.smoke, sensors.tamper, sensors.lamps, sensors.simulator; "
        "print(sorted({'numpy', 'av', 'picamera2', 'PIL'} & set(sys.modules)))"
    )
    assert run_python(code, "mock").stdout == "[]\n"
