"""Settings of a small site with live screens. Secrets come from the environment; `start` reads them from .env."""
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost 127.0.0.1").split()
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.staticfiles", "channels", "screens",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "theatre.urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
}]
WSGI_APPLICATION = "theatre.wsgi.application"
ASGI_APPLICATION = "theatre.asgi.application"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3",
    # systemd sets STATE_DIRECTORY. RUN_DIRECTORY is emptied when a server starts.
    "NAME": os.path.join(os.environ.get("STATE_DIRECTORY") or os.environ.get("RUN_DIRECTORY", BASE_DIR / "run"), "db.sqlite3"),
}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "/login/", "/me/", "/login/"
USE_TZ = True

# The default storage does not change names, so the templates have a ?v= that must be updated by hand. ManifestStaticFilesStorage
# would add a digest to the names, which usher verifies and serves as immutable for a year.
STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("DJANGO_STATIC_ROOT", BASE_DIR / "run" / "static")
STATICFILES_DIRS = [BASE_DIR / "static", ("client", BASE_DIR.parent / "client")]

# Caddy sets these headers. They can be trusted, since only Caddy can connect to the Unix sockets of the two servers.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("DJANGO_SECURE_COOKIES") == "1"

# The key of each route. usher has the same keys.
SCREEN_KEYS = {
    "all-seat-datasocket": os.environ["LIVE_ORDERS_WS_KEY"],
    "payment-status-socket": os.environ["PAYMENT_STATUS_WS_KEY"],
    "chat": os.environ["CHAT_WS_KEY"],
}

# With several Daphnes, messages to all screens go through Redis.
if "REDIS_URL" in os.environ:
    CHANNEL_LAYERS = {"default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
    }}
