/** This thread's MD5 kernel: one memory, and functions that hash blocks that lie in it. */

import { BLOCK, FREE, GROUP_STATE, MAX_LANES, POINTERS, STATES, VECTOR } from "./layout.ts";
import { INITIAL_STATE } from "./md5_steps.ts";

/** What both modules export; the one without SIMD lacks the wide functions. */
interface KernelExports {
  memory: WebAssembly.Memory;
  blocks1(count: number): void;
  blocks4?(count: number): void;
  blocks8?(count: number): void;
  blocks12?(count: number): void;
}

/** Blocks of one message that lie in the kernel's memory, to be hashed next. */
export interface Segment {
  /** The message's state, the words a, b, c, d. */
  state: Uint32Array;
  /** Where the next block begins. */
  address: number;
  /** How many there are. */
  blocks: number;
}

/** Sets the state that a message has before its first block. */
export function resetState(state: Uint32Array): void {
  for (let word = 0; word < 4; word++) state[word] = INITIAL_STATE[word];
}

/** An empty segment of a message that begins. */
export function newSegment(): Segment {
  const state = new Uint32Array(4);
  resetState(state);
  return { state, address: 0, blocks: 0 };
}

/** Writes a state, which after the last block is the digest, as bytes. */
export function writeState(
  state: Uint32Array,
  bytes: Uint8Array,
  offset = 0,
): void {
  for (let word = 0; word < 4; word++) {
    const value = state[word];
    const at = offset + 4 * word;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }
}

/** Place of a lane's word `a` among the 32-bit words of the memory. */
const LANE_STATE = Array.from(
  { length: MAX_LANES },
  (_, lane) => (STATES + GROUP_STATE * (lane >> 2)) / 4 + (lane & 3),
);
const WORD = VECTOR / 4;

/** Functions that hash blocks, and the memory in which the blocks must lie. */
export class Md5Kernel {
  /** The memory; it stays where it is. */
  readonly memory: Uint8Array;
  /** Messages that are hashed side by side at most: 12, without SIMD 1. */
  readonly lanes: number;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #exports: KernelExports;
  #end = FREE;
  /** Addresses that were given back, by size. */
  readonly #released = new Map<number, number[]>();

  constructor(exports: KernelExports) {
    this.#exports = exports;
    this.lanes = exports.blocks12 === undefined ? 1 : MAX_LANES;
    this.memory = new Uint8Array(exports.memory.buffer);
    this.#words = new Uint32Array(exports.memory.buffer);
    this.#view = new DataView(exports.memory.buffer);
  }

  /**
   * Reserves memory.
   *
   * @returns the address, a multiple of 64
   * @throws {RangeError} when not enough is left
   */
  reserve(bytes: number): number {
    const released = this.#released.get(bytes)?.pop();
    if (released !== undefined) return released;
    const address = this.#end;
    const end = address + Math.ceil(bytes / BLOCK) * BLOCK;
    if (end > this.memory.length) {
      throw new RangeError(
        `Can't reserve ${bytes} bytes of the MD5 kernel's memory: ${
          this.memory.length - address
        } are left`,
      );
    }
    this.#end = end;
    return address;
  }

  /** Gives reserved memory back, for reservations of the same size. */
  release(address: number, bytes: number): void {
    const released = this.#released.get(bytes);
    if (released === undefined) this.#released.set(bytes, [address]);
    else released.push(address);
  }

  /**
   * Ends a message: writes the padding of RFC 1321 behind its last bytes.
   *
   * @param address of the last bytes, those that fill no block; up to 128 bytes from there are used
   * @param rest how many there are
   * @param length of the whole message, bytes
   * @returns the number of blocks from `address` on
   */
  pad(address: number, rest: number, length: number): number {
    const blocks = Math.ceil((rest + 9) / BLOCK);
    const end = address + blocks * BLOCK;
    this.memory[address + rest] = 0x80;
    this.memory.fill(0, address + rest + 1, end - 8);
    this.#view.setUint32(end - 8, (length * 8) >>> 0, true);
    this.#view.setUint32(end - 4, Math.floor(length / 0x2000_0000), true);
    return blocks;
  }

  /**
   * Hashes side by side as many blocks of each segment as the shortest one has, and moves the
   * segments on; at least one has no blocks left then. Without SIMD only the first one is hashed,
   * to its end.
   *
   * @param segments at least one, each with at least a block; those beyond {@linkcode lanes} wait
   */
  run(segments: readonly Segment[]): void {
    const words = this.#words;
    const lanes = Math.min(segments.length, this.lanes);
    let blocks = segments[0].blocks;
    for (let lane = 0; lane < lanes; lane++) {
      const segment = segments[lane];
      if (segment.blocks < blocks) blocks = segment.blocks;
      words[POINTERS / 4 + lane] = segment.address;
      for (let word = 0; word < 4; word++) {
        words[LANE_STATE[lane] + WORD * word] = segment.state[word];
      }
    }
    this.#call(lanes, blocks);
    for (let lane = 0; lane < lanes; lane++) {
      const segment = segments[lane];
      segment.blocks -= blocks;
      segment.address += blocks * BLOCK;
      for (let word = 0; word < 4; word++) {
        segment.state[word] = words[LANE_STATE[lane] + WORD * word];
      }
    }
  }

  #call(lanes: number, blocks: number): void {
    const { blocks1, blocks4, blocks8, blocks12 } = this.#exports;
    if (lanes === 1) return blocks1(blocks);
    const [run, width] = lanes <= 4 ? [blocks4, 4] : lanes <= 8 ? [blocks8, 8] : [blocks12, 12];
    // An idle lane goes over the first one's blocks; its result is never read.
    for (let lane = lanes; lane < width; lane++) {
      this.#words[POINTERS / 4 + lane] = this.#words[POINTERS / 4];
    }
    run?.(blocks);
  }
}

/** Loads the kernel without SIMD. */
export async function loadScalarKernel(): Promise<Md5Kernel> {
  return new Md5Kernel(await import("./md5_scalar.wasm"));
}

/**
 * This thread's kernel, with SIMD where the machine has it.
 *
 * The modules are imported by literal names: that needs no permission, and `deno compile` embeds
 * them.
 */
export const md5Kernel: Md5Kernel = await import("./md5_simd.wasm").then(
  (exports) => new Md5Kernel(exports),
  loadScalarKernel,
);
