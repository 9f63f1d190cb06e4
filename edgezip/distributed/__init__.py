"""Files of any place packed by many machines. Needs `pip install edgezip[dask]`.

    from dask.distributed import Client
    from edgezip.distributed import pack_urls, read_text, unpack_urls

    with Client("tcp://scheduler:8786") as client:
        report = pack_urls(["s3://logs/*.log"], "s3://packed", client=client)
        lines = read_text("s3://packed/big.log.ez").filter(lambda line: "ERROR" in line)

The strict engine gives the same bits on every CPU. So a task that was lost with its worker, or that
is run twice, makes the same bytes again, wherever that is: any worker may retry any part, and what
is already there is either whole and right or not there.

The tasks (`tasks.py`) are plain functions of URLs, for any other engine: docs/distributed.md has
Ray and joblib.
"""

from edgezip.distributed.bag import read_text
from edgezip.distributed.cluster import (
    ModelPlugin,
    Report,
    pack_big,
    pack_urls,
    unpack_urls,
    use_model,
)
from edgezip.distributed.tasks import Done, join, pack_range, pack_url, unpack_url

__all__ = [
    "Done",
    "ModelPlugin",
    "Report",
    "join",
    "pack_big",
    "pack_range",
    "pack_url",
    "pack_urls",
    "read_text",
    "unpack_url",
    "unpack_urls",
    "use_model",
]
