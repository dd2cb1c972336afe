"""The sockets of the screens. Each also checks its key, as before usher was added."""
import asyncio
import hmac
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings


class ScreenConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.screen = self.scope["url_route"]["kwargs"]["screen"]
        presented = parse_qs(self.scope["query_string"].decode()).get("key", [""])[-1]
        if not hmac.compare_digest(presented.encode(), settings.SCREEN_KEYS[self.screen].encode()):
            await self.close()
            return
        await self.accept()
        if self.channel_layer:
            await self.channel_layer.group_add(self.screen, self.channel_name)
        await self.send_json({"screen": self.screen, "text": "connected"})
        self.ticker = asyncio.ensure_future(self.tick())

    async def tick(self):
        number = 0
        while True:
            await asyncio.sleep(2)
            number += 1
            await self.send_json({"screen": self.screen, "text": f"message {number}"})

    async def receive_json(self, content, **kwargs):
        message = {"screen": self.screen, "echo": content}
        if self.channel_layer:
            await self.channel_layer.group_send(self.screen, {"type": "to.all", "message": message})
        else:
            await self.send_json(message)

    async def to_all(self, event):
        await self.send_json(event["message"])

    async def disconnect(self, code):
        if self.channel_layer:
            await self.channel_layer.group_discard(self.screen, self.channel_name)
        if hasattr(self, "ticker"):
            self.ticker.cancel()


class SessionConsumer(AsyncJsonWebsocketConsumer):
    """A socket by session. The application decides about the session, and usher ends the socket with it."""
    async def connect(self):
        if self.scope["user"].is_authenticated:
            await self.accept()
        else:
            await self.close()


class TicketConsumer(AsyncJsonWebsocketConsumer):
    """A socket by ticket. usher has verified the ticket."""
