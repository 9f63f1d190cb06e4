"""The table of formats."""

from __future__ import annotations

from edgezip.pipeline.detect.formats.aiff import AIFF
from edgezip.pipeline.detect.formats.au import AU
from edgezip.pipeline.detect.formats.bitmap import BITMAP
from edgezip.pipeline.detect.formats.bmp import BMP
from edgezip.pipeline.detect.formats.format import Format
from edgezip.pipeline.detect.formats.jpeg import JPEG
from edgezip.pipeline.detect.formats.npy import NPY
from edgezip.pipeline.detect.formats.pnm import PNM
from edgezip.pipeline.detect.formats.tga import TGA
from edgezip.pipeline.detect.formats.tiff import TIFF
from edgezip.pipeline.detect.formats.wav import WAV

FORMATS: tuple[Format, ...] = (PNM, BMP, TGA, TIFF, NPY, WAV, AIFF, AU, JPEG, BITMAP)
