# evenface in a container.
#   docker build -t evenface .
#   docker build -t evenface:cuda --build-arg TORCH_INDEX= .
# pip's own torch for Linux brings CUDA, some gigabytes; PyTorch's index has one for processors.

FROM python:3.11.13-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11.13-slim-bookworm
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Such as "umap,metric".
ARG EXTRAS=""
COPY constraints.txt /opt/evenface/
# torch first and by itself: what follows finds it there and takes no other.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} \
      --constraint /opt/evenface/constraints.txt torch \
 && pip install --no-cache-dir --constraint /opt/evenface/constraints.txt \
      "$(echo /wheels/*.whl)${EXTRAS:+[${EXTRAS}]}"

# A home that any user may write to: `docker run --user` gives files their owner outside.
RUN useradd --uid 10001 --create-home evenface && chmod 1777 /home/evenface
ENV HOME=/home/evenface \
    EVENFACE_MODELS=/models \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /work
ENTRYPOINT ["evenface"]
CMD ["--help"]
