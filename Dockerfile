# docker build --target cpu  -t occlusight .
# docker build --target cuda -t occlusight:cuda .
FROM python:3.11-slim-bookworm AS source
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY src ./src
COPY deploy/install ./deploy/install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM source AS installed-cpu
RUN deploy/install cpu /opt/occlusight

FROM source AS installed-cuda
RUN deploy/install cuda /opt/occlusight

FROM python:3.11-slim-bookworm AS runtime
RUN useradd --create-home --uid 10001 occlusight && install -d -o occlusight -g occlusight /models
ENV PATH=/opt/occlusight/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/models HF_HOME=/models/huggingface MODELSCOPE_CACHE=/models/modelscope
USER 10001
WORKDIR /home/occlusight
VOLUME /models
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/readyz', timeout=4)"]
ENTRYPOINT ["occlusight"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7860"]

FROM runtime AS cuda
COPY --from=installed-cuda /opt/occlusight /opt/occlusight

FROM runtime AS cpu
COPY --from=installed-cpu /opt/occlusight /opt/occlusight
