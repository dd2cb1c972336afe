// Release {{.Release}}. The template of the page names every release main.js?v=20260211, since nobody edits the version.
"use strict";
window.site.show("main", {{.Release}}, "{{.Color}}");

// The URL of the worker has no version. In the outage, browsers kept running a cached worker.
const worker = new Worker("/static/theatre_js/live-orders/worker.js");
worker.onmessage = (message) => window.site.receive(message.data);
window.site.connect = (path) => worker.postMessage(path);

// The seats of the theatre, which each release repeats. A change of one line in a large file is a small delta.
window.site.seats = [{{range .Seats}}
  { seat: "{{.Name}}", code: "{{.Code}}" },{{end}}
];
