"""The ASGI application for Daphne, which serves the sockets. Gunicorn serves the pages."""
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theatre.settings")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402

from screens.consumers import ScreenConsumer, SessionConsumer, TicketConsumer  # noqa: E402

application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter([
        re_path(r"^ws/(?P<screen>all-seat-datasocket|payment-status-socket|chat)/$", ScreenConsumer.as_asgi()),
        re_path(r"^ws/me/$", AuthMiddlewareStack(SessionConsumer.as_asgi())),
        re_path(r"^ws/mine/$", TicketConsumer.as_asgi()),
    ]),
})
