/** What a page needs of a storage; `sessionStorage` has it. */
export type ReloadMemory = Pick<Storage, "getItem" | "setItem">;

export interface UsherSocketOptions {
  /** Subprotocols, as of a WebSocket. */
  protocols?: string | string[];
  /** The first reconnect comes within so many milliseconds, and each further one within twice as many. Default 500. */
  minDelay?: number;
  /** No back-off is longer, in milliseconds. A wait that the server asked for (1013) may be. Default 30000. */
  maxDelay?: number;
  /** Fetches `url` every so many milliseconds, so that a page which stays open has a fresh cookie. */
  renew?: { url: string | URL; every: number };
  /** Remembers that the page was reloaded. Default `sessionStorage`; null: the page is never reloaded. */
  storage?: ReloadMemory | null;
  /** Reloads the page. Default `location.reload()`; null, or in a worker: the socket fires `outdated` and stops. */
  reload?: (() => void) | null;
  /**
   * The generation at which the page was served; it is presented with each socket of this host, as `usher_generation`.
   * Default: `pageGeneration()`; a worker knows none, and has to be told by its page. "": none is presented.
   */
  generation?: string;
  /** From 0 to less than 1. Default `Math.random`. */
  random?: () => number;
  /** Milliseconds since 1970: a time must outlive a reload. Default `Date.now`. */
  now?: () => number;
}

export interface RefusedDetail {
  /** 4400, 4401 or 4403; 4408 where a reload did not help. */
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
  /** With which the last socket was closed; 1006 where there was none. */
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
   * @throws SyntaxError if `url` is a string or URL of which there can be no WebSocket
   * @throws RangeError if a delay is out of order
   */
  constructor(url: string | URL | (() => string | URL | Promise<string | URL>), options?: UsherSocketOptions);

  /** 0 connecting, or waiting for a reconnect; 1 open; 2 closing; 3 closed for good. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The subprotocol of the open socket. */
  readonly protocol: string;
  binaryType: BinaryType;

  /** Queues nothing. False: the socket is not open, and the data was not sent. */
  send(data: string | Blob | BufferSource): boolean;
  /** Ends it all; only the `close` of a socket that is still there follows. */
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
 * Reloads the page, but once in 60 seconds only. For a page whose worker fires `outdated`.
 *
 * @param name what the reload is for; it is kept in the storage, so no key may stand in it
 * @returns false: it was reloaded just now, or nothing can remember that it was
 */
export function reloadOnce(
  name: string,
  options?: { storage?: ReloadMemory | null; reload?: (() => void) | null; now?: () => number },
): boolean;

/** The generation of the site's assets at which this page was served; "" where it is not known, as over plain HTTP. */
export function pageGeneration(): string;

/**
 * Waits until the site has another generation than the page, and returns it. It asks the site once in `every` milliseconds
 * (60,000), and less often while that fails.
 *
 * @throws the reason of the signal, once that is aborted
 */
export function nextGeneration(options?: {
  generation?: string;
  url?: string | URL;
  every?: number;
  signal?: AbortSignal;
}): Promise<string>;
