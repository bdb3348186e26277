"""The `recording:` section, and what of the rest `siprec serve` reads."""

from pydantic import BaseModel

from gateway.directory.settings import DirectorySettings
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.settings import ClockSettings, LogSettings, StorageSettings
from gateway.runtime.tracing import TracingSettings
from siprec.callcontrol.settings import CallingSettings
from siprec.providers.settings import ProvidersSettings
from siprec.srs.settings import RecorderSettings


class RecordingSettings(RecorderSettings, ProvidersSettings):
    """Call recording: the recording server, and the providers that keep what it records."""


BRANCHES = ("gateway.directory", "siprec.srs", "siprec.providers")
"""Packages whose tables recording makes."""
RECORDING: dict[str, type[BaseModel]] = {"recording": RecordingSettings, "calling": CallingSettings}
STANDALONE: dict[str, type[BaseModel]] = {
    "log": LogSettings,
    "clock": ClockSettings,
    "storage": StorageSettings,
    "http": HttpSettings,
    "tracing": TracingSettings,
    "directory": DirectorySettings,
    **RECORDING,
}
"""Sections of `siprec serve`; those of texting are another program's."""
