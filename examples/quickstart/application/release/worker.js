// Release {{.Release}}. Opens the two sockets of the page. Neither needs a key in this file: usher reads the cookies.
"use strict";
postMessage({ kind: "release", script: "worker", release: {{.Release}}, url: location.href });

const sockets = new Map();

function open(path) {
  if (sockets.has(path)) return;
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path);
  sockets.set(path, socket);
  postMessage({ kind: "socket", path, state: "connecting" });
  socket.onopen = () => postMessage({ kind: "socket", path, state: "open" });
  socket.onmessage = (message) => postMessage({ path, ...JSON.parse(message.data) });
  socket.onclose = ({ code, reason }) => {
    sockets.delete(path);
    postMessage({ kind: "socket", path, state: "closed", code, reason });
    // 4400 to 4499 is a rejection: the same handshake would be rejected again.
    if (code < 4400 || code > 4499) setTimeout(() => open(path), 1000 + Math.random() * 2000);
  };
}

onmessage = ({ data: path }) => open(path);
open("/ws/all-seat-datasocket/");
open("/ws/chat/");
