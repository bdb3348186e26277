"""Captures as a part of the running service: the one its settings ask for, and those asked for meanwhile."""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from gateway.esme.pool import Carriers
from gateway.replay.pcap import Endpoint
from gateway.replay.recorder import CaptureFormat, Recorder
from gateway.replay.settings import CapturesSettings
from gateway.runtime.bus import Bus
from gateway.runtime.ids import encode_id, new_id
from gateway.runtime.lifecycle import BasePart


class Capturing(BasePart):
    """Begins the capture that the settings ask for, and ends every one in the end."""

    def __init__(
        self,
        settings: CapturesSettings,
        folder: Path,
        now_ns: Callable[[], int],
        carriers: Carriers,
        bus: Bus,
    ) -> None:
        self._settings, self._carriers = settings, carriers
        self.recorder = Recorder(folder, now_ns, carriers.set_tap, self._server_of, bus)
        """Also begins and ends those that a tester asks for."""

    async def start(self) -> None:
        """Begin it."""
        settings = self._settings
        if settings.format != "off":
            self.recorder.start(
                encode_id(new_id()),
                format=CaptureFormat(settings.format),
                mask_text=settings.mask_text,
                rotate_bytes=settings.rotate_mib << 20,
                max_files=settings.max_files,
            )

    async def stop(self) -> None:
        """End them."""
        self.recorder.close()

    def _server_of(self, carrier: str) -> Endpoint:
        settings = self._carriers.pool(carrier).settings
        return Endpoint(_address(settings.host), settings.port)


def _address(host: str) -> str:
    """The host as an IP address for a capture; names stand there as the unspecified address."""
    try:
        return str(ip_address(host))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - nothing listens there
