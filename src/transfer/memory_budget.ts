/** The bytes that all transfers together may hold in memory, with buffers that are used again. */

/**
 * Buffers below this are made anew each time. Bytes. Each buffer weighs on the
 * collector far more than its size: used again, those of 10,000 files of 4 KB
 * save a fifth of the processor time and 25 MB.
 */
const REUSED_FROM = 256;
/** Buffers differ in length by at least this, so that few kinds are kept. Bytes. */
const SMALLEST_STEP = 512;

/** A buffer of the budget; give it back by disposing of it, once nobody reads it any more. */
export interface BufferLease extends Disposable {
  /** Exactly the length asked for; what it holds at first is undefined. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Room in the budget, without a buffer. */
export interface Reservation extends Disposable {
  /** True once it was given back. */
  readonly over: boolean;
}

interface Waiter {
  bytes: number;
  grant: (reservation: Reservation) => void;
}

/**
 * Hands out buffers up to a total number of bytes, first come, first served.
 * One that is larger than the whole budget is granted when nothing else is out.
 */
export class MemoryBudget {
  readonly capacityBytes: number;
  #used = 0;
  #kept = 0;
  #peak = 0;
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>();
  readonly #waiters: Waiter[] = [];

  /** @param capacityBytes what may be out at once */
  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  /** Bytes that are out. */
  get usedBytes(): number {
    return this.#used;
  }

  /** The most bytes that were ever out at once. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** True when a lease of this length would be granted at once. */
  hasRoomFor(length: number): boolean {
    const bytes = Math.min(length, this.capacityBytes);
    return this.#waiters.length === 0 && this.#used + bytes <= this.capacityBytes;
  }

  /**
   * A buffer, as soon as the budget allows it.
   *
   * @param length bytes
   * @throws the signal's reason when it aborts while waiting
   */
  async lease(length: number, signal?: AbortSignal): Promise<BufferLease> {
    const reservation = await this.reserve(length, signal);
    const buffer = this.#buffer(length);
    return {
      bytes: buffer.subarray(0, length),
      [Symbol.dispose]: () => {
        if (reservation.over) return;
        this.#keep(buffer);
        reservation[Symbol.dispose]();
      },
    };
  }

  /**
   * Room for bytes that the caller allocates itself, as soon as the budget allows it.
   *
   * @throws the signal's reason when it aborts while waiting
   */
  reserve(length: number, signal?: AbortSignal): Promise<Reservation> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const bytes = Math.min(length, this.capacityBytes);
    if (this.hasRoomFor(length)) return Promise.resolve(this.#grant(bytes));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        bytes,
        grant: (reservation) => {
          signal?.removeEventListener("abort", stop);
          resolve(reservation);
        },
      };
      const stop = () => {
        const index = this.#waiters.indexOf(waiter);
        if (index === -1) return;
        this.#waiters.splice(index, 1);
        reject(signal?.reason);
        this.#serve();
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #serve(): void {
    for (let next; (next = this.#waiters[0]) !== undefined;) {
      if (this.#used + next.bytes > this.capacityBytes) return;
      this.#waiters.shift();
      next.grant(this.#grant(next.bytes));
    }
  }

  #grant(bytes: number): Reservation {
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    let over = false;
    return {
      get over() {
        return over;
      },
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        this.#used -= bytes;
        this.#serve();
      },
    };
  }

  #buffer(length: number): Uint8Array<ArrayBuffer> {
    if (length < REUSED_FROM) return new Uint8Array(length);
    const size = sizeClass(length);
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) {
      this.#kept -= size;
      return kept;
    }
    if (this.#used + this.#kept > this.capacityBytes) {
      this.#free.clear();
      this.#kept = 0;
    }
    return new Uint8Array(size);
  }

  #keep(buffer: Uint8Array<ArrayBuffer>): void {
    const size = buffer.length;
    if (
      size < REUSED_FROM || this.#kept + size > this.capacityBytes
    ) return;
    const kept = this.#free.get(size);
    if (kept === undefined) this.#free.set(size, [buffer]);
    else kept.push(buffer);
    this.#kept += size;
  }
}

/** Lengths are rounded up by at most an eighth, so that buffers fit more than one file. */
function sizeClass(length: number): number {
  const step = Math.max(SMALLEST_STEP, 2 ** (Math.floor(Math.log2(length)) - 3));
  return Math.ceil(length / step) * step;
}
