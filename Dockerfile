# Two stages: a wheel from the checkout, then a small image that holds only the pinned runtime and the wheel.
# `--build-arg REQUIREMENTS=full` adds the extras: PostgreSQL, S3, Opus, OpenTelemetry.
FROM python:3.12-slim AS build
WORKDIR /source
RUN pip install --no-cache-dir "hatchling>=1.27"
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY gateway gateway
COPY siprec siprec
COPY config config
COPY loadtests loadtests
RUN python -m hatchling build -t wheel

FROM python:3.12-slim
ARG REQUIREMENTS=runtime
COPY requirements/${REQUIREMENTS}.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt && rm /tmp/requirements.txt
COPY --from=build /source/dist/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/*.whl && rm /tmp/*.whl \
    && useradd --create-home --uid 10001 gateway && mkdir /data && chown gateway /data
USER gateway
WORKDIR /data
VOLUME /data
EXPOSE 8080 5060/udp 5060 5061 2775-2781 40000-40063/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["run"]
