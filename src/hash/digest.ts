/** MD5 of bytes and streams in this thread, with the face of the Web Crypto API. */

import { BLOCK, MAX_LANES } from "./kernel/layout.ts";
import {
  md5Kernel,
  newSegment,
  resetState,
  type Segment,
  writeState,
} from "./kernel/md5_kernel.ts";

/** What can be hashed. */
export type DigestSource =
  | BufferSource
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>;

/** An MD5 that is fed piece by piece. */
export interface IncrementalMd5 {
  /**
   * Adds bytes; they may be reused as soon as the call returns.
   *
   * @throws {TypeError} after {@linkcode digest}
   */
  update(bytes: Uint8Array): void;
  /** Ends the message: the 16 bytes. Calling it again gives them again. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** Bytes that are copied into the kernel's memory at a time: little enough for the first caches. */
const PIECE = 16 * 1024;
/** For each lane a piece, and what was left over before it or the padding after it. */
const SLOT = PIECE + 2 * BLOCK;

let slots: number | undefined;

function slotAddress(lane: number): number {
  slots ??= md5Kernel.reserve(SLOT * MAX_LANES);
  return slots + SLOT * lane;
}

/** A message under way: its state and the bytes that don't fill a block yet. */
class Message implements IncrementalMd5 {
  readonly #segment = newSegment();
  readonly #rest = new Uint8Array(BLOCK);
  #length = 0;
  #result: Uint8Array<ArrayBuffer> | undefined;

  update(bytes: Uint8Array): void {
    updateAll([this], bytes);
  }

  /**
   * Lays a piece before the kernel, behind what was left over. What it leaves over is kept.
   *
   * @param bytes at most {@linkcode PIECE}
   * @returns the blocks to hash before anything else is staged
   */
  stage(address: number, bytes: Uint8Array): Segment {
    this.#requireOpen();
    const { memory } = md5Kernel;
    const left = this.#length % BLOCK;
    const end = left + bytes.length;
    const whole = end - end % BLOCK;
    memory.set(this.#rest.subarray(0, left), address);
    memory.set(bytes, address + left);
    this.#rest.set(memory.subarray(address + whole, address + end));
    this.#length += bytes.length;
    this.#segment.address = address;
    this.#segment.blocks = whole / BLOCK;
    return this.#segment;
  }

  /** True when the message so far ends with a whole block. */
  get isAligned(): boolean {
    return this.#length % BLOCK === 0;
  }

  /** {@linkcode stage} of whole blocks that already lie before the kernel, for an aligned message. */
  share(address: number, bytes: number): Segment {
    this.#requireOpen();
    this.#length += bytes;
    this.#segment.address = address;
    this.#segment.blocks = bytes / BLOCK;
    return this.#segment;
  }

  #requireOpen(): void {
    if (this.#result === undefined) return;
    throw new TypeError("Can't add bytes to an MD5 that has ended");
  }

  digest(): Uint8Array<ArrayBuffer> {
    if (this.#result === undefined) {
      const address = slotAddress(0);
      const left = this.#length % BLOCK;
      md5Kernel.memory.set(this.#rest.subarray(0, left), address);
      this.#segment.address = address;
      this.#segment.blocks = md5Kernel.pad(address, left, this.#length);
      md5Kernel.run([this.#segment]);
      this.#result = new Uint8Array(16);
      writeState(this.#segment.state, this.#result);
    }
    return this.#result.slice();
  }
}

/** Begins an MD5 that is fed piece by piece. */
export function createMd5(): IncrementalMd5 {
  return new Message();
}

/**
 * Adds the same bytes to several MD5s, side by side: to two of them, such as a block's and the
 * whole file's, in two thirds of the time that one after the other takes.
 *
 * @param md5s made by {@linkcode createMd5}, at most 12
 * @throws {TypeError} when one of them has ended
 */
export function updateAll(
  md5s: readonly IncrementalMd5[],
  bytes: Uint8Array,
): void {
  updateEach(md5s.map((md5) => ({ md5, bytes })));
}

/** Bytes that an MD5 under way is to be given. */
export interface Md5Update {
  /** Made by {@linkcode createMd5}. */
  md5: IncrementalMd5;
  bytes: Uint8Array;
}

/**
 * Adds bytes to several MD5s, each its own, side by side: best when they are about equally long.
 *
 * @param updates each of another MD5
 * @throws {TypeError} when one of them has ended
 */
export function updateEach(updates: readonly Md5Update[]): void {
  const messages = updates.map(({ md5, bytes }) => {
    if (!(md5 instanceof Message)) {
      throw new TypeError("Can't add bytes to an MD5 that createMd5 did not make");
    }
    return { message: md5, bytes };
  });
  for (let first = 0; first < messages.length; first += MAX_LANES) {
    updateLanes(messages.slice(first, first + MAX_LANES));
  }
}

function updateLanes(
  messages: readonly { message: Message; bytes: Uint8Array }[],
): void {
  const longest = Math.max(...messages.map(({ bytes }) => bytes.length));
  for (let from = 0; from < longest; from += PIECE) {
    let segments: Segment[] = [];
    let before: { bytes: Uint8Array; address: number } | undefined;
    for (const { message, bytes } of messages) {
      if (from >= bytes.length) continue;
      const piece = bytes.subarray(from, from + PIECE);
      const whole = message.isAligned && piece.length % BLOCK === 0;
      // A block's and the whole file's MD5 get the same bytes: one copy will do.
      if (whole && before?.bytes === bytes) {
        segments.push(message.share(before.address, piece.length));
        continue;
      }
      const address = slotAddress(segments.length);
      segments.push(message.stage(address, piece));
      before = whole ? { bytes, address } : undefined;
    }
    for (;;) {
      segments = segments.filter(({ blocks }) => blocks > 0);
      if (segments.length === 0) break;
      md5Kernel.run(segments);
    }
  }
}

/** A place where one message after the other goes through the kernel. */
class Lane {
  readonly segment = newSegment();
  /** The message's place in the caller's list. */
  index = 0;
  #bytes: Uint8Array = new Uint8Array();
  #from = 0;
  #ended = true;

  constructor(readonly address: number) {}

  begin(index: number, bytes: Uint8Array): void {
    this.index = index;
    this.#bytes = bytes;
    this.#from = 0;
    this.#ended = false;
    resetState(this.segment.state);
    this.advance();
  }

  /** Lays the next piece before the kernel; false when there is none. */
  advance(): boolean {
    if (this.#ended) return false;
    const piece = this.#bytes.subarray(this.#from, this.#from + PIECE);
    md5Kernel.memory.set(piece, this.address);
    this.#from += piece.length;
    this.#ended = this.#from === this.#bytes.length;
    const rest = piece.length % BLOCK;
    const whole = piece.length - rest;
    this.segment.address = this.address;
    this.segment.blocks = whole / BLOCK +
      (this.#ended ? md5Kernel.pad(this.address + whole, rest, this.#bytes.length) : 0);
    return true;
  }
}

/**
 * MD5 of several independent messages in memory, side by side: with twelve of them about four
 * times as fast as one after the other. Blocks this thread until it is done.
 *
 * @param messages any number of them, of any length
 * @returns 16 bytes for each, in the same order
 */
export function md5Many(
  messages: readonly Uint8Array[],
): Uint8Array<ArrayBuffer>[] {
  const results: Uint8Array<ArrayBuffer>[] = new Array(messages.length);
  // Longest first, so that no long one is left alone at the end.
  const order = messages.map((_, index) => index).sort((a, b) =>
    messages[b].length - messages[a].length
  );
  const lanes: Lane[] = [];
  let next = 0;
  while (lanes.length < md5Kernel.lanes && next < order.length) {
    const lane = new Lane(slotAddress(lanes.length));
    lane.begin(order[next], messages[order[next]]);
    lanes.push(lane);
    next++;
  }
  const segments = lanes.map((lane) => lane.segment);
  while (lanes.length > 0) {
    md5Kernel.run(segments);
    for (let i = lanes.length - 1; i >= 0; i--) {
      const lane = lanes[i];
      if (lane.segment.blocks > 0 || lane.advance()) continue;
      const result = new Uint8Array(16);
      writeState(lane.segment.state, result);
      results[lane.index] = result;
      if (next < order.length) {
        lane.begin(order[next], messages[order[next]]);
        next++;
      } else {
        lanes.splice(i, 1);
        segments.splice(i, 1);
      }
    }
  }
  return results;
}

/**
 * `crypto.subtle.digest` for MD5, which Web Crypto leaves out, and for streams.
 *
 * @param algorithm `"MD5"`, in any case, or an object with that name
 * @param data bytes, or a stream of them that is read to its end
 * @returns the 16 bytes
 * @throws {DOMException} `NotSupportedError` for another algorithm
 * @see {@link https://developer.mozilla.org/docs/Web/API/SubtleCrypto/digest | SubtleCrypto.digest}
 */
export async function digest(
  algorithm: "MD5" | { name: "MD5" },
  data: DigestSource,
): Promise<ArrayBuffer> {
  const name: string = typeof algorithm === "string" ? algorithm : algorithm.name;
  if (name.toUpperCase() !== "MD5") {
    throw new DOMException(
      `Unrecognized algorithm name: "${name}"`,
      "NotSupportedError",
    );
  }
  const md5 = createMd5();
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) {
    md5.update(new Uint8Array(data));
  } else if (ArrayBuffer.isView(data)) {
    md5.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  } else {
    for await (const chunk of data) md5.update(chunk);
  }
  return md5.digest().buffer;
}
