// Release {{.Release}}. The page loads this file as main.js?v=20260211, whatever the release: nobody bumps it.
"use strict";
window.screen_.show("main", {{.Release}}, "{{.Colour}}");

// The worker has no version at all. In the incident this line is what kept the screens dead.
const worker = new Worker("/static/theatre_js/live-orders/worker.js");
worker.onmessage = (message) => window.screen_.receive(message.data);
