# One image for web, worker, beat and the one-shot migration; the command decides which it is.

FROM python:3.11-slim AS requirements
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install --requirement requirements.txt

FROM python:3.11-slim AS application
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    LOG_FORMAT=json
COPY --from=requirements /opt/venv /opt/venv
WORKDIR /srv/quan
COPY . .
# Collecting static files needs settings but uses no secret: these values end with this layer.
RUN python -m config.catalogues compile \
    && SECRET_KEY=only-while-the-image-is-built-000000 \
       BLIND_INDEX_KEY=only-while-the-image-is-built-000000 \
       FIELD_ENCRYPTION_KEYS=build:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
       DATABASE_URL=sqlite://:memory: \
       SHOP_URL=https://coupons.example.com EMAIL_URL=dummymail:// \
       python manage.py collectstatic --noinput \
    && useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin quan
USER quan
EXPOSE 8000
# Asks whether the process answers at all. A failing database must not make an orchestrator restart every web process.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-m", "config.probe", "/healthz"]
CMD ["gunicorn", "--config", "python:config.gunicorn", "--bind", "0.0.0.0:8000"]
