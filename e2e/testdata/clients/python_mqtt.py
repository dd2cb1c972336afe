"""A client of paho-mqtt for Python. Each line of the input is published, and printed when it comes back."""
import sys

import paho.mqtt.client as mqtt

port, path = int(sys.argv[1]), sys.argv[2]


def connected(client, userdata, flags, code):
    client.subscribe("echo/python")


client = mqtt.Client(transport="websockets")
client.on_connect = connected
client.on_subscribe = lambda *_: print("open", flush=True)
client.on_message = lambda client, userdata, message: print(message.payload.decode(), flush=True)
client.on_disconnect = lambda client, userdata, code: print("closed", flush=True)
# Without this, the library sends an origin of https also to a site without TLS.
client.ws_set_options(path=path, headers={"Origin": f"http://localhost:{port}"})
try:
    client.connect("localhost", port)
except mqtt.WebsocketConnectionError:
    print("refused", flush=True)
    sys.exit()
client.loop_start()
for line in sys.stdin:
    client.publish("echo/python", line.strip())
client.disconnect()
