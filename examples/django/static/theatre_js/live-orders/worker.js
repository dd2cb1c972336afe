"use strict";
postMessage({ release: "release 1" });
onmessage = ({ data: keys }) => {
  for (const [screen, key] of Object.entries(keys)) {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws/" + screen + "/?key=" + encodeURIComponent(key));
    socket.onmessage = (message) => postMessage(JSON.parse(message.data));
    socket.onclose = (event) => postMessage({ screen, text: "closed " + event.code });
  }
};
