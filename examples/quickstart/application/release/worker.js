// Release {{.Release}}. Opens each socket with the key of its route.
"use strict";
postMessage({ kind: "release", release: {{.Release}} });

const keys = { {{range $path, $key := .Keys}}
  "{{$path}}": "{{$key}}",{{end}}
};

function open(path, key) {
  const url = location.origin.replace(/^http/, "ws") + path + "?key=" + encodeURIComponent(key);
  const socket = new WebSocket(url);
  postMessage({ kind: "socket", path, state: "connecting" });
  socket.onopen = () => postMessage({ kind: "socket", path, state: "open" });
  socket.onmessage = (message) => postMessage({ path, ...JSON.parse(message.data) });
  socket.onclose = (event) => {
    postMessage({ kind: "socket", path, state: "closed", code: event.code, reason: event.reason });
    setTimeout(() => open(path, key), 1000 + Math.random() * 2000);
  };
}

for (const [path, key] of Object.entries(keys)) open(path, key);
