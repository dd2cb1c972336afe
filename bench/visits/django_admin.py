"""Writes a release of Django's admin: python3 django.py <directory> <number> <text that the script shows>"""
import os
import sys

import django
from django.conf import settings
from django.contrib import admin as package
from django.core.management import call_command
from django.urls import path

output, release, marker = sys.argv[1:]
changed = output + ".changed"
contrib = "django.contrib."
settings.configure(
    SECRET_KEY="visits",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=[contrib + name for name in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")],
    MIDDLEWARE=[contrib + name for name in (
        "sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware",
        "messages.middleware.MessageMiddleware")],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request", contrib + "auth.context_processors.auth",
            contrib + "messages.context_processors.messages"]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    STATIC_URL="/static/",
    STATIC_ROOT=os.path.join(output, "static"),
    STATICFILES_DIRS=[changed],
    STATICFILES_STORAGE=contrib + "staticfiles.storage.ManifestStaticFilesStorage",
)


def change(name, line):
    """Copies a file of the admin, and adds a line."""
    with open(os.path.join(os.path.dirname(package.__file__), "static", name)) as file:
        content = file.read()
    os.makedirs(os.path.dirname(os.path.join(changed, name)), exist_ok=True)
    with open(os.path.join(changed, name), "w") as file:
        file.write(content + line + "\n")


change("admin/js/core.js", 'addEventListener("load", function() { document.body.append("%s"); });' % marker)
change("admin/css/base.css", "#footer { padding-top: %spx; }" % release)
django.setup()
urlpatterns = [path("admin/", package.site.urls)]
call_command("collectstatic", interactive=False, verbosity=0)
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User  # noqa: E402  (needs the settings)
from django.test import Client  # noqa: E402

client = Client()
client.force_login(User.objects.create_superuser("admin"))
pages = {"index.html": "/admin/auth/user/add/", "jsi18n.js": "/admin/jsi18n/"}
for name, url in pages.items():
    response = client.get(url)
    assert response.status_code == 200, url
    with open(os.path.join(output, name), "wb") as file:
        file.write(response.content.replace(b"/admin/jsi18n/", b"/jsi18n.js"))
