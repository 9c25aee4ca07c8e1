"""A real browser on the set-up page: what a hand does, and what an eye reads."""

from __future__ import annotations

import contextlib
import json
import shutil
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
PHONE = {"width": 360, "height": 740, "pixelRatio": 2, "touch": True, "mobile": True}
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,860",
)


@contextlib.contextmanager
def chromium(folder, *, phone=False):
    """A browser that knows nothing and phones nobody."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*_FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    if phone:
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.unhandled_prompt_behavior = "accept"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page in a browser.

    Args:
        driver: The browser.
        served: The server.
        touch: Whether a finger points, and no mouse.
    """

    def __init__(self, driver, served, *, touch=False):
        self.driver = driver
        self.served = served
        self._kind = interaction.POINTER_TOUCH if touch else interaction.POINTER_MOUSE

    def open(self, language="vi"):
        """Load it anew, as a browser that was never here."""
        self.driver.get(self.served.url)
        self.driver.delete_all_cookies()
        self.driver.execute_script("localStorage.setItem('tuquan-language', arguments[0])", language)
        self.driver.get(self.served.url)
        self.wait(lambda: self("#code").is_displayed())
        return self

    def come_in(self, language="vi"):
        """With a code from the terminal."""
        self.open(language)
        self("#code").send_keys(self.served.access.renew())
        self("#key button").click()
        self.wait(lambda: self("#room").is_displayed() and self("#panel").text)
        return self

    def __call__(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, so, timeout_s=8):
        """Until it is so; whatever is being drawn anew meanwhile does not count."""

        def tried(_):
            with contextlib.suppress(Exception):
                return so()
            return False

        return WebDriverWait(self.driver, timeout_s, 0.05).until(tried)

    def tab(self, name):
        self(f"#tab-{name}").click()

    def at(self, x, y):
        """Where a place of the picture is on the screen."""
        box = self.driver.execute_script(
            "const b = document.getElementById('drawing').getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]"
        )
        return int(box[0] + x * box[2]), int(box[1] + y * box[3])

    def drag(self, *places):
        """Press at the first place, go over the others, let go at the last."""
        actions = ActionBuilder(self.driver, mouse=PointerInput(self._kind, "finger"), duration=20)
        finger = actions.pointer_action
        finger.move_to_location(*self.at(*places[0]))
        finger.pointer_down()
        for place in places[1:]:
            finger.move_to_location(*self.at(*place))
        finger.pointer_up()
        actions.perform()

    def tap(self, *places):
        for place in places:
            self.drag(place)

    def keys(self, *keys, shift=False):
        """To whatever has the focus."""
        chain = ActionChains(self.driver)
        chain = chain.key_down(Keys.SHIFT) if shift else chain
        chain = chain.send_keys(*keys)
        (chain.key_up(Keys.SHIFT) if shift else chain).perform()

    def press(self, selector, *keys):
        """On a part of the drawing, which is drawn anew with every picture and keeps the focus."""
        self.wait(lambda: self.all(selector))
        self.driver.execute_script("document.querySelector(arguments[0]).focus()", selector)
        self.keys(*keys)

    def type(self, selector, text):
        """Over what stands there."""
        field = self(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def save(self):
        """Press the button as soon as that is possible, and wait until it is done."""
        self.wait(lambda: self("#save").is_enabled())
        self("#save").click()
        self.wait(lambda: "good" in self("#state").get_attribute("class"))

    def complaints(self):
        """What the browser did not like: errors of scripts, and what the page's own policy refused."""
        # An answer that says no is logged by the browser too, and is what some tests ask for.
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]
        ]

    def shot(self, path):
        """A picture of the window."""
        time.sleep(0.3)
        path.write_bytes(self.driver.get_screenshot_as_png())


def draft(driver):
    """What is drawn, as the SVG has it: the points of each shape."""
    return json.loads(
        driver.execute_script(
            "return JSON.stringify([...document.querySelectorAll('#drawing .shape')]"
            ".map((shape) => shape.getAttribute('points')))"
        )
    )
