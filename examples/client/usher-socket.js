/** Closed with one of these, the same handshake would be refused again: trying it is of no use. */
const REFUSED = new Set([4400, 4401, 4403]);
const OUTDATED = 4408;
/** The server asks for a wait: 1013 is Try Again Later, and 4429 what usher sent before it. */
const TRY_LATER = new Set([1013, 4429]);
/** The server goes away or restarts, and every client of it learns so in the same moment. */
const LEAVING = new Set([1001, 1012]);

const STEADY = 10_000; // a socket that lasted this long was no accident
const SPREAD = 5_000; // over which the clients of a server that went away come back
const TRY_LATER_WAIT = 10_000;
const RELOAD_MEMORY = 60_000;
const RENEWAL_LIMIT = 10_000; // a renewal that hangs must not keep the socket from coming back
const HOUR = 3_600_000;
const LONGEST_TIMER = 2 ** 31 - 1; // setTimeout takes more than this for 0, which would be a hot loop
const MEMORY = "usher-socket";
const GENERATION = "/.well-known/usher/generation";
const PRESENTED = "usher_generation"; // the word of the query

/**
 * Reloads the page, but once in 60 seconds only: where a reload does not help, a second one would not either. A page
 * calls it for an `outdated` of its worker, which cannot reload anything.
 *
 * @param {string} name what the reload is for; it is kept in the storage, so no key may stand in it
 * @param {{storage?: Pick<Storage, "getItem" | "setItem"> | null, reload?: () => void, now?: () => number}} [options]
 * @returns {boolean} false: it was reloaded just now, or nothing can remember that it was
 */
export function reloadOnce(name, { storage = defaultStorage(), reload = defaultReload(), now = Date.now } = {}) {
  if (!storage || !reload) return false;
  try {
    // The time is all that tells one load from the next: document.lastModified is the time of the load on most sites.
    const recent = Object.entries(parsed(storage.getItem(MEMORY))).filter(([, time]) => now() - time < RELOAD_MEMORY);
    if (recent.some(([known]) => known === name)) return false;
    storage.setItem(MEMORY, JSON.stringify(Object.fromEntries([...recent, [name, now()]])));
  } catch {
    return false; // what is not remembered could go on for ever
  }
  reload();
  return true;
}

/**
 * The generation of the site's assets at which this page was served, as usher told it in a header of the page; "" where it
 * did not, or where the browser shows no such headers (plain HTTP; workers).
 */
export function pageGeneration() {
  const [page] = globalThis.performance?.getEntriesByType?.("navigation") ?? [];
  return page?.serverTiming?.find(({ name }) => name === "usher")?.description ?? "";
}

/**
 * Waits until the site has another generation than the page, and returns it. It asks the site with one request every minute, and
 * less often while that fails. Rejects only when the signal is aborted.
 *
 * @param {{generation?: string, url?: string | URL, every?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<string>}
 */
export async function nextGeneration({ generation = pageGeneration(), url = GENERATION, every = 60_000, signal } = {}) {
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      const headers = { "If-None-Match": `"${generation}"` };
      const answer = await fetch(url, { headers, cache: "no-store", credentials: "same-origin", signal });
      if (answer.ok) {
        const now = (await answer.json()).generation;
        if (generation && now !== generation) return now;
        generation = now;
      } else if (answer.status !== 304) throw new Error(`status ${answer.status}`);
      failures = 0;
    } catch {
      signal?.throwIfAborted();
      failures = Math.min(failures + 1, 3); // the site restarts, or the laptop was closed
    }
    // The random part keeps the pages of one deploy from asking all at once.
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
 * A WebSocket that comes back, and stops where coming back is of no use. Events: `open`, `message` and `close` as a
 * WebSocket has them, once for every socket; `waiting` before a reconnect, `refused` and `outdated` at the end.
 * It has no `url` and writes nothing to the console: a URL may hold a key.
 */
export class UsherSocket extends EventTarget {
  #source;
  #options;
  #socket;
  #name = "";
  #binaryType = "blob";
  #attempts = 0; // since a socket was steady
  #timer; // of the reconnect; undefined when none is waited for
  #asked = false; // the server asked for the wait
  #renewTimer;
  #renewal; // under way
  #renewed;
  #end = new AbortController();

  /**
   * @param {string | URL | (() => string | URL | Promise<string | URL>)} url relative to the page, http(s) or ws(s); a
   *   function is asked again for each socket
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
      this.#renewed = now(); // the page has just been loaded, and its cookies with it
      this.#renewTimer = setInterval(() => this.#renew(), Math.min(renew.every, LONGEST_TIMER));
    }
    this.#connect(true);
  }

  /** As of a WebSocket; 0 (connecting) also while a reconnect is waited for, 3 (closed) once there will be none. */
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

  /** Queues nothing: what was meant for one socket is often wrong on the next. False: it was not sent. */
  send(data) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(data);
    return true;
  }

  /** Ends it all. Only the `close` of a socket that is still there follows. */
  close(code, reason) {
    this.#socket?.close(code, reason); // first: it throws over a code that may not be sent
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
      this.#name = url.host + url.pathname; // the query is left out: a key may stand in it
      // For this site alone, and not by searchParams, which would write the rest of the query anew.
      if (generation && url.host === globalThis.location?.host) url.search += `${url.search ? "&" : "?"}${PRESENTED}=${encodeURIComponent(generation)}`;
      socket = new WebSocket(url, protocols);
    } catch {
      // The browser's own error quotes the URL or the subprotocol, so it goes no further.
      await null; // on the first call nobody listens yet
      if (!this.#ended) this.#lost(1006, "no socket could be made of this URL and these subprotocols", false);
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
      // Not when it opens: a server that accepts and closes at once would be asked without end.
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
    this.#tell("refused", { code, reason });
  }

  #outdated(code, reason) {
    const { storage, reload, now } = this.#options;
    const tell = () => {
      this.#stop();
      this.#tell("outdated", { code, reason });
    };
    if (!reload) return tell(); // a worker: its page has to
    const told = () => (tell(), reload());
    if (!reloadOnce(this.#name, { storage, reload: told, now })) this.#refused(code, reason);
  }

  #wait(code, reason) {
    const delay = Math.min(this.#delay(code, reason), LONGEST_TIMER);
    this.#asked = TRY_LATER.has(code);
    this.#timer = setTimeout(() => this.#reconnect(), delay);
    this.#tell("waiting", { delay, code }); // last: a listener may call close()
  }

  #delay(code, reason) {
    const { minDelay, maxDelay, random } = this.#options;
    const backoff = Math.min(maxDelay, minDelay * 2 ** this.#attempts++);
    if (TRY_LATER.has(code)) {
      const asked = Number(/retry after (\d+) ?s/i.exec(reason)?.[1] ?? 0) * 1000;
      const least = Math.max(TRY_LATER_WAIT, Math.min(asked, HOUR));
      return least + random() * Math.max(least, backoff); // more, not less: those who were told the same number differ
    }
    // From 0 on, so that clients which lost their sockets together do not come back together.
    return random() * (LEAVING.has(code) ? Math.max(backoff, Math.min(SPREAD, maxDelay)) : backoff);
  }

  #reconnect() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connect(false);
  }

  #online() {
    // A wait that the server asked for is not cut short by the state of this network.
    if (this.#timer !== undefined && !this.#asked) this.#reconnect();
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
      // The socket may open with what the page still has; if not, its close code says more than this error.
    } finally {
      clearTimeout(timer);
      this.#end.signal.removeEventListener("abort", abort);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function address(url) {
  try {
    const parsed = new URL(url, globalThis.location?.href);
    parsed.protocol = parsed.protocol.replace("http", "ws"); // not every browser takes http(s) or a relative URL
    parsed.hash = "";
    if (/^wss?:$/.test(parsed.protocol)) return parsed.href;
  } catch {
    // thrown anew below: the browser's error quotes the URL
  }
  throw new SyntaxError("UsherSocket: this is no URL of a WebSocket");
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // somebody else's, or damaged
  }
}

function defaultStorage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined; // reading the name alone throws where storage is blocked
  }
}

function defaultReload() {
  return globalThis.location?.reload && (() => globalThis.location.reload());
}
