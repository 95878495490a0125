# The sidecar's image: built of the checkout with the versions that were tested; nothing of the build is in what runs.
FROM docker.io/library/python:3.11.14-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/sidecar
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY sidecar ./sidecar
RUN PIP_CONSTRAINT=constraints.txt /opt/sidecar/bin/pip install . \
    && /opt/sidecar/bin/pip uninstall --yes pip setuptools
COPY deploy/healthy.py /opt/sidecar/healthy.py

FROM docker.io/library/python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="Immich sidecar" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 sidecar \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin sidecar \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/sidecar /opt/sidecar
ENV PATH=/opt/sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIDECAR_HOST=0.0.0.0 \
    SIDECAR_PORT=8080 \
    SIDECAR_DATA_DIR=/data
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["/opt/sidecar/bin/python", "/opt/sidecar/healthy.py"]
ENTRYPOINT ["/opt/sidecar/bin/sidecar"]
CMD ["run"]
