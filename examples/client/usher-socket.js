/** Close codes after which the same handshake would be rejected again. */
const REFUSED = new Set([4400, 4401, 4403]);
const OUTDATED = 4408;
/** The server asks for a wait: 1013 is Try Again Later. Early versions of usher sent 4429. */
const TRY_LATER = new Set([1013, 4429]);
/** The server stops or restarts, and closes all sockets at the same time. */
const LEAVING = new Set([1001, 1012]);

const STEADY = 10_000; // a socket that stays open this long resets the back-off
const SPREAD = 5_000; // the clients of a stopped server reconnect at random times within this interval
const TRY_LATER_WAIT = 10_000;
const RELOAD_MEMORY = 60_000;
const RENEWAL_LIMIT = 10_000; // timeout of a renewal, which must not block the reconnect
const HOUR = 3_600_000;
const LONGEST_TIMER = 2 ** 31 - 1; // setTimeout treats a longer delay as 0
const MEMORY = "usher-socket";
const GENERATION = "/.well-known/usher/generation";
const PARAMETER = "usher_generation"; // in the query

/**
 * Reloads the page, at most once in 60 seconds, since a second reload would not help. A page calls it if its worker fires
 * `outdated`, since a worker cannot reload the page.
 *
 * @param {string} name the purpose of the reload. It is written to the storage, so it must not contain a key.
 * @param {{storage?: Pick<Storage, "getItem" | "setItem"> | null, reload?: () => void, now?: () => number}} [options]
 * @returns {boolean} false if the page was reloaded recently, or if there is no storage
 */
export function reloadOnce(name, { storage = defaultStorage(), reload = defaultReload(), now = Date.now } = {}) {
  if (!storage || !reload) return false;
  try {
    // Only the time distinguishes two loads: on most sites document.lastModified is the time of the load.
    const recent = Object.entries(parsed(storage.getItem(MEMORY))).filter(([, time]) => now() - time < RELOAD_MEMORY);
    if (recent.some(([known]) => known === name)) return false;
    storage.setItem(MEMORY, JSON.stringify(Object.fromEntries([...recent, [name, now()]])));
  } catch {
    return false; // without a record the page could reload forever
  }
  reload();
  return true;
}

/**
 * Returns the generation of the site's assets with which this page was served. usher sends it in a header of the page. The result is
 * "" without the header, and where browsers hide it (plain HTTP, workers).
 */
export function pageGeneration() {
  const [page] = globalThis.performance?.getEntriesByType?.("navigation") ?? [];
  return page?.serverTiming?.find(({ name }) => name === "usher")?.description ?? "";
}

/**
 * Waits until the generation of the site differs from that of the page, and returns the new generation. It sends one request each
 * minute, and fewer after failures. It rejects only if the signal is aborted.
 *
 * @param {{generation?: string, url?: string | URL, every?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<string>}
 */
export async function nextGeneration({ generation = pageGeneration(), url = GENERATION, every = 60_000, signal } = {}) {
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      const headers = { "If-None-Match": `"${generation}"` };
      const response = await fetch(url, { headers, cache: "no-store", credentials: "same-origin", signal });
      if (response.ok) {
        const now = (await response.json()).generation;
        if (generation && now !== generation) return now;
        generation = now;
      } else if (response.status !== 304) throw new Error(`status ${response.status}`);
      failures = 0;
    } catch {
      signal?.throwIfAborted();
      failures = Math.min(failures + 1, 3); // the site restarts, or the computer was asleep
    }
    // The random part spreads the requests of pages that were loaded at the same time.
    await pause(every * 2 ** failures * (0.5 + Math.random() / 2), signal);
  }
}

function pause(time, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, time);
    signal?.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}

/**
 * A WebSocket that reconnects, and stops if reconnecting cannot help. Events: `open`, `message` and `close` as for a WebSocket, for
 * each socket; `waiting` before a reconnect; `refused` and `outdated` before it stops. It has no `url` and writes nothing to the
 * console, since a URL may contain a key.
 */
export class UsherSocket extends EventTarget {
  #source;
  #options;
  #socket;
  #name = "";
  #binaryType = "blob";
  #attempts = 0; // since a socket stayed open for STEADY
  #timer; // of the next reconnect, or undefined
  #serverWait = false; // the server asked for the current wait
  #renewTimer;
  #renewal; // the promise of a running renewal
  #renewed;
  #end = new AbortController();

  /**
   * @param {string | URL | (() => string | URL | Promise<string | URL>)} url relative to the page, http(s) or ws(s). A function is
   *   called for each socket.
   * @param {import("./usher-socket.js").UsherSocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    const { minDelay = 500, maxDelay = 30_000, renew, random = Math.random, now = Date.now } = options;
    if (!(minDelay > 0 && maxDelay >= minDelay)) throw new RangeError("UsherSocket: want 0 < minDelay <= maxDelay");
    if (renew && !(renew.every > 0)) throw new RangeError("UsherSocket: want renew.every > 0");
    const { storage = defaultStorage(), reload = defaultReload(), generation = pageGeneration() } = options;
    this.#options = { protocols: options.protocols, minDelay, maxDelay, renew, storage, reload, random, now, generation };
    this.#source = typeof url === "function" ? url : address(url);
    globalThis.addEventListener?.("online", () => this.#online(), { signal: this.#end.signal });
    if (renew) {
      this.#renewed = now(); // the page was just loaded, with fresh cookies
      this.#renewTimer = setInterval(() => this.#renew(), Math.min(renew.every, LONGEST_TIMER));
    }
    this.#connect(true);
  }

  /** As for a WebSocket. 0 (connecting) also during a wait, 3 (closed) only after the last socket. */
  get readyState() {
    return this.#socket?.readyState ?? (this.#ended ? 3 : 0);
  }

  /** The subprotocol of the open socket. */
  get protocol() {
    return this.#socket?.protocol ?? "";
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    this.#binaryType = type;
    if (this.#socket) this.#socket.binaryType = type;
  }

  /** Returns false if the socket is not open. It queues nothing, since data for one socket is often wrong for the next. */
  send(data) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(data);
    return true;
  }

  /** Closes the socket and stops. Only the `close` event of an existing socket follows. */
  close(code, reason) {
    this.#socket?.close(code, reason); // first, since it throws for an invalid code
    this.#stop();
  }

  get #ended() {
    return this.#end.signal.aborted;
  }

  #stop() {
    this.#end.abort();
    clearTimeout(this.#timer);
    clearInterval(this.#renewTimer);
    this.#timer = undefined;
  }

  async #connect(first) {
    const { protocols, renew, now, generation } = this.#options;
    let socket;
    try {
      if (!first && renew && now() - this.#renewed > renew.every) await this.#renew();
      if (this.#ended) return;
      const url = new URL(typeof this.#source === "function" ? address(await this.#source()) : this.#source);
      if (this.#ended) return;
      this.#name = url.host + url.pathname; // without the query, which may contain a key
      // Only for this site. searchParams would re-encode the rest of the query.
      if (generation && url.host === globalThis.location?.host) url.search += `${url.search ? "&" : "?"}${PARAMETER}=${encodeURIComponent(generation)}`;
      socket = new WebSocket(url, protocols);
    } catch {
      // The browser's error contains the URL or the subprotocol, so it is not passed on.
      await null; // during the constructor there are no listeners yet
      if (!this.#ended) this.#lost(1006, "invalid URL or subprotocols", false);
      return;
    }
    this.#socket = socket;
    socket.binaryType = this.#binaryType;
    let opened;
    socket.onopen = () => {
      opened = now();
      this.dispatchEvent(new Event("open"));
    };
    socket.onmessage = ({ data, origin }) => this.dispatchEvent(new MessageEvent("message", { data, origin }));
    socket.onclose = ({ code, reason, wasClean }) => {
      this.#socket = undefined;
      // Not on open: a server that accepts and closes at once would get requests without back-off.
      if (opened !== undefined && now() - opened >= STEADY) this.#attempts = 0;
      this.#lost(code, reason, wasClean);
    };
  }

  #lost(code, reason, wasClean) {
    const over = this.#ended;
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
    if (over || this.#ended) return;
    if (REFUSED.has(code)) this.#refused(code, reason);
    else if (code === OUTDATED) this.#outdated(code, reason);
    else this.#wait(code, reason);
  }

  #refused(code, reason) {
    this.#stop();
    this.#emit("refused", { code, reason });
  }

  #outdated(code, reason) {
    const { storage, reload, now } = this.#options;
    const stopAndEmit = () => {
      this.#stop();
      this.#emit("outdated", { code, reason });
    };
    if (!reload) return stopAndEmit(); // in a worker, the page must reload
    const emitAndReload = () => (stopAndEmit(), reload());
    if (!reloadOnce(this.#name, { storage, reload: emitAndReload, now })) this.#refused(code, reason);
  }

  #wait(code, reason) {
    const delay = Math.min(this.#delay(code, reason), LONGEST_TIMER);
    this.#serverWait = TRY_LATER.has(code);
    this.#timer = setTimeout(() => this.#reconnect(), delay);
    this.#emit("waiting", { delay, code }); // last, since a listener may call close()
  }

  #delay(code, reason) {
    const { minDelay, maxDelay, random } = this.#options;
    const backoff = Math.min(maxDelay, minDelay * 2 ** this.#attempts++);
    if (TRY_LATER.has(code)) {
      const requested = Number(/retry after (\d+) ?s/i.exec(reason)?.[1] ?? 0) * 1000;
      const least = Math.max(TRY_LATER_WAIT, Math.min(requested, HOUR));
      return least + random() * Math.max(least, backoff); // random, so that clients with the same wait do not reconnect together
    }
    // Random from 0, so that clients which lost their sockets together do not reconnect together.
    return random() * (LEAVING.has(code) ? Math.max(backoff, Math.min(SPREAD, maxDelay)) : backoff);
  }

  #reconnect() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connect(false);
  }

  #online() {
    // A wait that the server asked for continues.
    if (this.#timer !== undefined && !this.#serverWait) this.#reconnect();
  }

  #renew() {
    return (this.#renewal ??= this.#fetch().finally(() => (this.#renewal = undefined)));
  }

  async #fetch() {
    const { renew, now } = this.#options;
    const limit = new AbortController();
    const abort = () => limit.abort();
    const timer = setTimeout(abort, RENEWAL_LIMIT);
    this.#end.signal.addEventListener("abort", abort, { once: true });
    try {
      const request = { method: "HEAD", credentials: "same-origin", cache: "no-store", signal: limit.signal };
      if ((await fetch(renew.url, request)).ok) this.#renewed = now();
    } catch {
      // The socket may open with the present cookie. If not, its close code is more useful than this error.
    } finally {
      clearTimeout(timer);
      this.#end.signal.removeEventListener("abort", abort);
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function address(url) {
  try {
    const parsed = new URL(url, globalThis.location?.href);
    parsed.protocol = parsed.protocol.replace("http", "ws"); // some browsers accept neither http(s) nor relative URLs
    parsed.hash = "";
    if (/^wss?:$/.test(parsed.protocol)) return parsed.href;
  } catch {
    // replaced by the error below, since the browser's error contains the URL
  }
  throw new SyntaxError("UsherSocket: invalid WebSocket URL");
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // not written by this script, or damaged
  }
}

function defaultStorage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined; // access throws if storage is blocked
  }
}

function defaultReload() {
  return globalThis.location?.reload && (() => globalThis.location.reload());
}
