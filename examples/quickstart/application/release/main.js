// Release {{.Release}}. The page loads every release as main.js?v=20260211, since the version is not updated.
"use strict";
window.screen_.show("main", {{.Release}}, "{{.Colour}}");

// The URL of the worker has no version. In the outage, browsers kept running a cached worker.
const worker = new Worker("/static/theatre_js/live-orders/worker.js");
worker.onmessage = (message) => window.screen_.receive(message.data);
