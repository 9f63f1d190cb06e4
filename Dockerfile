# edgezip as a filter in a container, without compiler and network inside:
#
#   sh scripts/release.sh && docker build -t edgezip . && docker run --rm -i edgezip -dc < notes.txt.ez
#
# Kernels come compiled with the wheel (scripts/release.sh), for this image's Python: nothing is compiled when
# it runs, and nothing has to be writable.
FROM python:3.11-slim-bookworm
COPY dist/ /wheels/
RUN pip install --no-cache-dir --no-index --find-links /wheels edgezip \
    && rm -rf /wheels \
    && edgezip warm --package \
    && useradd --create-home --uid 10001 edgezip
USER edgezip
WORKDIR /work
ENTRYPOINT ["edgezip"]
