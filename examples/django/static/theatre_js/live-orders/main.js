"use strict";
document.getElementById("main").textContent = "release 1";
const worker = new Worker("/static/theatre_js/live-orders/worker.js");
worker.onmessage = ({ data }) => {
  if (data.release) { document.getElementById("worker").textContent = data.release; return; }
  const id = "socket-" + data.screen;
  const line = document.getElementById(id) || document.getElementById("sockets").appendChild(document.createElement("li"));
  line.id = id;
  line.textContent = data.screen + ": " + data.text;
};
worker.postMessage(JSON.parse(document.getElementById("keys").textContent));
