"""Network cameras for tests: GStreamer's RTSP server on free ports of 127.0.0.1, one open, one with a login.

Runs under the system's own Python, which has PyGObject, and not in the project's environment. It prints both
ports as soon as it listens and serves until its standard input closes, so that it cannot outlive the test.

    /h264    moving ball, 10 frames/s, key pictures every second     /mjpeg   the same as JPEG pictures
    /rare    as /h264 with a key picture every 20                    /ends    30 frames, then the end
    /sound   a tone without pictures
    /h264 on the second port, for the user gate with the password s3cr3t/word only
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions are chosen first

BALL = (
    "videotestsrc is-live=true pattern=ball num-buffers={frames}"
    " ! video/x-raw,width=320,height=240,framerate=10/1"
)
H264 = " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={keys} ! rtph264pay name=pay0 pt=96"
MEDIA = {
    "/h264": BALL.format(frames=-1) + H264.format(keys=10),
    "/rare": BALL.format(frames=-1) + H264.format(keys=20),
    "/mjpeg": BALL.format(frames=-1) + ",format=I420 ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/ends": BALL.format(frames=30) + H264.format(keys=5),
    "/sound": "audiotestsrc is-live=true ! audioconvert ! alawenc ! rtppcmapay name=pay0 pt=8",
}
ELEMENTS = ("videotestsrc", "x264enc", "rtph264pay", "jpegenc", "rtpjpegpay", "alawenc", "rtppcmapay")
USER, PASSWORD = "gate", "s3cr3t/word"


def serve(paths: list[str]) -> "GstRtspServer.RTSPServer":
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for path in paths:
        media = GstRtspServer.RTSPMediaFactory()
        media.set_launch(f"( {MEDIA[path]} )")
        allowed = f"{USER},media.factory.access=true,media.factory.construct=true"
        media.add_role_from_structure(Gst.Structure.from_string(allowed)[0])
        server.get_mount_points().add_factory(path, media)
    return server


def lock(server: "GstRtspServer.RTSPServer") -> None:
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", USER)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)
    server.set_auth(auth)


def main() -> None:
    Gst.init(None)
    missing = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    if missing:
        sys.exit(f"GStreamer lacks {', '.join(missing)}")
    free, locked = serve(list(MEDIA)), serve(["/h264"])
    lock(locked)
    for server in (free, locked):
        server.attach(None)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    print(free.get_bound_port(), locked.get_bound_port(), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
