"""Samples without a header, described by hand."""

from __future__ import annotations

import re

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import SettingsError
from edgezip.pipeline.detect.content import ENDLESS, Content, Found

_IMAGE = re.compile(r"image:(\d{1,7}),(\d{1,9}),(\d),(\d{1,2})(be|le)?", re.ASCII)
_AUDIO = re.compile(r"audio:(\d{1,9}),(\d{1,3}),(\d{1,2})(be|le)?(s|u)?", re.ASCII)


def parse_given(text: str) -> Found:
    """What `text` says the first bytes are.

    "image:WIDTH,HEIGHT,CHANNELS,BITS", HEIGHT 0 for all rows there are, or
    "audio:RATE,CHANNELS,BITS". BITS may end in "be" (big-endian), those of a sound also in "u" or
    "s": without, 8 bits are unsigned and all others signed, as in WAV.

    Raises:
        SettingsError: anything else.
    """
    if match := _IMAGE.fullmatch(text):
        width, height, channels, bits = map(int, match.groups()[:4])
        geometry = ImageGeometry(width, channels, bits, big_endian=match[5] == "be")
        length = height * geometry.stride if height else ENDLESS
        return Found(0, length, Content.image(geometry))
    if match := _AUDIO.fullmatch(text):
        channels, bits = int(match[2]), int(match[3])
        signed = match[5] == "s" if match[5] else bits > 8
        return Found(
            0, ENDLESS, Content.audio(AudioGeometry(channels, bits, match[4] == "be", signed))
        )
    raise SettingsError(
        f"{text!r} describes no samples; examples: image:640,480,3,8 and audio:44100,2,16"
    )
