# docker build --tag depthboard .
# docker run --init --publish 127.0.0.1:8000:8000 --volume depthboard:/data --env DEPTHBOARD_NO_LOGIN=1 depthboard
#
# There is no login: publish the port on 127.0.0.1 alone. DEPTHBOARD_NO_LOGIN=1 confirms this. The image
# does not set it, so that a port published on every address is opened only on purpose.
#
# A smaller CPU build or a certain CUDA build of torch: --build-arg TORCH_INDEX=<an index that offers it>;
# for CUDA also run with --gpus all.

FROM python:3.11-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /source
ARG TORCH_INDEX=
COPY Makefile requirements.lock requirements-postgres.lock ./
RUN make dependencies postgres VENV=/opt/depthboard TORCH_INDEX=$TORCH_INDEX
COPY . .
RUN make install VENV=/opt/depthboard TORCH_INDEX=$TORCH_INDEX

FROM python:3.11-slim
RUN useradd --system --uid 10001 depthboard && install --directory --owner depthboard /data
COPY --from=build /opt/depthboard /opt/depthboard
ENV PATH=/opt/depthboard/bin:$PATH \
    DEPTHBOARD_DATA_DIR=/data \
    DEPTHBOARD_HOST=0.0.0.0
USER depthboard
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health')"]
CMD ["depthboard", "up"]
