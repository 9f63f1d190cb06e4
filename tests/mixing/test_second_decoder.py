"""What the package writes, a decoder written from the pages alone reads."""

from __future__ import annotations

import random

import pytest

from edgezip.coding.mixing.bytecodec import cm_encode
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import PROFILES, Profile

from .second_decoder import Decoder

_ROWS = b"".join(b'%d,"ab (c%d)", x/%d\t{k=%d}\n' % (i, i % 3, i * 7, i % 5) for i in range(14))
_RECORDS = b"".join(bytes([i, 7, i * i % 251, 0, 255, i // 2]) for i in range(60))
_MIXED = random.Random(4).randbytes(60) + b"The the THE; caf\xc3\xa9 12.5 12.7\n" * 3


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("level", [0, 2])
def test_the_second_decoder_agrees(profile: Profile, level: int) -> None:
    for data in (_ROWS, _RECORDS, _MIXED):
        payload = cm_encode(data, MixParams(16, profile.number, level))
        assert Decoder(16, profile.number, level).decode(payload, len(data)) == data
