// The servers of the client libraries on one port, and a page with the clients. They echo what they get.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { Aedes } from "aedes";
import { graphql, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { Server as SocketIO } from "socket.io";
import sockjs from "sockjs";
import { createWebSocketStream, WebSocketServer } from "ws";

const scripts = {
  "/socket.io.js": "socket.io-client/dist/socket.io.min.js",
  "/graphql-ws.js": "graphql-ws/umd/graphql-ws.min.js",
  "/sockjs.js": "sockjs-client/dist/sockjs.min.js",
  "/mqtt.js": "mqtt/dist/mqtt.min.js",
  "/paho.js": "paho-mqtt/paho-mqtt-min.js",
  "/pusher.js": "pusher-js/dist/web/pusher.min.js",
  "/echo.js": "laravel-echo/dist/echo.iife.js",
};
const text = { type: new GraphQLNonNull(GraphQLString) };
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: "Query",
    fields: { echo: { ...text, args: { text }, resolve: (_, args) => args.text } },
  }),
});

const server = http.createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://site");
  if (pathname === "/graphql" && request.method === "POST") {
    let body = "";
    for await (const part of request) body += part;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(await graphql({ schema, source: JSON.parse(body).query })));
  } else if (pathname === "/") {
    response.setHeader("Content-Type", "text/html");
    response.end(fs.readFileSync("page.html"));
  } else if (scripts[pathname]) {
    response.setHeader("Content-Type", "text/javascript");
    response.end(fs.readFileSync(path.join("node_modules", scripts[pathname])));
  } else if (!pathname.startsWith("/socket.io/") && !pathname.startsWith("/sockjs")) {
    response.writeHead(404).end();
  }
});

new SocketIO(server, { destroyUpgrade: false, serveClient: false })
  .on("connection", (socket) => socket.on("echo", (message, done) => done(message)));

const echo = sockjs.createServer({ log: () => {}, sockjs_url: "/sockjs.js" });
echo.on("connection", (connection) => connection.on("data", (message) => connection.write(message)));
echo.installHandlers(server, { prefix: "/sockjs" });

const subscriptions = new WebSocketServer({ noServer: true });
useServer({ schema }, subscriptions);
const broker = await Aedes.createBroker();
const mqtt = new WebSocketServer({ noServer: true, handleProtocols: () => "mqtt" });
mqtt.on("connection", (socket, request) => broker.handle(createWebSocketStream(socket), request));
// Pusher's protocol, as Reverb and Soketi speak it.
const pusher = new WebSocketServer({ noServer: true });
pusher.on("connection", (socket) => {
  const send = (event, data, channel) => socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }));
  send("pusher:connection_established", { socket_id: "1.1", activity_timeout: 120 });
  socket.on("message", (message) => {
    const { event, data, channel } = JSON.parse(message);
    if (event === "pusher:subscribe") send("pusher_internal:subscription_succeeded", {}, data.channel);
    else if (event === "pusher:ping") send("pusher:pong", {});
    else if (event.startsWith("client-")) send(event, data, channel);
  });
});
server.on("upgrade", (request, socket, head) => {
  const { pathname } = new URL(request.url, "http://site");
  const target = pathname.startsWith("/app/") ? pusher : { "/graphql": subscriptions, "/mqtt": mqtt }[pathname];
  target?.handleUpgrade(request, socket, head, (opened) => target.emit("connection", opened, request));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
