/** The part of `Storage` that is used, such as `sessionStorage`. */
export type ReloadMemory = Pick<Storage, "getItem" | "setItem">;

export interface UsherSocketOptions {
  /** Subprotocols, as for a WebSocket. */
  protocols?: string | string[];
  /** Longest delay of the first reconnect in milliseconds. It doubles with each further one. Default 500. */
  minDelay?: number;
  /** Longest delay in milliseconds. A wait that the server asks for (1013) may be longer. Default 30000. */
  maxDelay?: number;
  /** Fetches `url` at an interval in milliseconds, so that a page has a fresh cookie. */
  renew?: { url: string | URL; every: number };
  /** Stores the time of the last reload. Default `sessionStorage`. Null: the page is never reloaded. */
  storage?: ReloadMemory | null;
  /** Reloads the page. Default `location.reload()`. Null, and in a worker: the socket fires `outdated` and stops. */
  reload?: (() => void) | null;
  /**
   * The generation of the page. It is sent with each socket of this host, as `usher_generation`. Default: `pageGeneration()`. A worker
   * needs the value from its page. "": no generation is sent.
   */
  generation?: string;
  /** Returns a number from 0 to less than 1. Default `Math.random`. */
  random?: () => number;
  /** Returns milliseconds since 1970. Default `Date.now`. */
  now?: () => number;
}

export interface RefusedDetail {
  /** 4400, 4401 or 4403, or 4408 if a reload did not help. */
  code: number;
  reason: string;
}

export interface OutdatedDetail {
  /** 4408. */
  code: number;
  reason: string;
}

export interface WaitingDetail {
  /** Milliseconds until the reconnect. */
  delay: number;
  /** Close code of the last socket, or 1006. */
  code: number;
}

export interface UsherSocketEventMap {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  waiting: CustomEvent<WaitingDetail>;
  refused: CustomEvent<RefusedDetail>;
  outdated: CustomEvent<OutdatedDetail>;
}

type Listener<E extends Event> = ((event: E) => void) | { handleEvent(event: E): void };

export class UsherSocket extends EventTarget {
  /**
   * @throws SyntaxError if `url` is a string or URL that is invalid for a WebSocket
   * @throws RangeError if a delay is invalid
   */
  constructor(url: string | URL | (() => string | URL | Promise<string | URL>), options?: UsherSocketOptions);

  /** 0 connecting, or waiting for a reconnect; 1 open; 2 closing; 3 closed for good. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The subprotocol of the open socket. */
  readonly protocol: string;
  binaryType: BinaryType;

  /** Returns false if the socket is not open. Nothing is queued. */
  send(data: string | Blob | BufferSource): boolean;
  /** Closes the socket and stops. Only the `close` event of an existing socket follows. */
  close(code?: number, reason?: string): void;

  addEventListener<T extends keyof UsherSocketEventMap>(
    type: T,
    listener: Listener<UsherSocketEventMap[T]> | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;

  removeEventListener<T extends keyof UsherSocketEventMap>(
    type: T,
    listener: Listener<UsherSocketEventMap[T]> | null,
    options?: EventListenerOptions | boolean,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void;
}

/**
 * Reloads the page, at most once in 60 seconds. For a page whose worker fires `outdated`.
 *
 * @param name the purpose of the reload. It is written to the storage, so it must not contain a key.
 * @returns false if the page was reloaded recently, or if there is no storage
 */
export function reloadOnce(
  name: string,
  options?: { storage?: ReloadMemory | null; reload?: (() => void) | null; now?: () => number },
): boolean;

/** Returns the generation of the site's assets with which this page was served, or "" if unknown, as over plain HTTP. */
export function pageGeneration(): string;

/**
 * Waits until the generation of the site differs from that of the page, and returns the new generation. It sends one request each
 * `every` milliseconds (60,000), and fewer after failures.
 *
 * @throws the reason of the signal if the signal is aborted
 */
export function nextGeneration(options?: {
  generation?: string;
  url?: string | URL;
  every?: number;
  signal?: AbortSignal;
}): Promise<string>;
