/** The kernel for 4, 8 or 12 messages side by side. */

import { BLOCK, CONSTANTS, GROUP_STATE, POINTERS, STATES, VECTOR } from "./layout.ts";
import { MD5_STEPS, type Md5Step } from "./md5_steps.ts";
import { type Code, FunctionBuilder, i32, type Local, v128 } from "./wasm_module.ts";

const ZERO = i32.const(0);

/**
 * In the fourth round `c ^ (b | ~d)` is `~(c ^ (d & ~b))`, and adding `~x` is subtracting `x + 1`:
 * with the constant one lower, no instruction is spent on the inversion.
 */
const constantOf = ({ round, constant }: Md5Step) => round === 3 ? constant - 1 : constant;

/** The steps' constants as they must stand at {@linkcode CONSTANTS}. */
export function simdConstants(): Uint8Array {
  const bytes = new Uint8Array(4 * MD5_STEPS.length);
  const view = new DataView(bytes.buffer);
  MD5_STEPS.forEach((step, i) => view.setUint32(4 * i, constantOf(step), true));
  return bytes;
}

/** Four messages; every local holds a value of each. */
class Group {
  readonly #f: FunctionBuilder;
  readonly #index: number;
  readonly #pointers: Local[];
  readonly #state: Local[];
  readonly #before: Local[];
  readonly #words: Local[];
  readonly #rows: Local[];
  readonly #pairs: Local[];
  readonly #sum: Local;
  readonly #shared: Local;

  constructor(f: FunctionBuilder, index: number) {
    const locals = (count: number, type: "i32" | "v128") =>
      Array.from({ length: count }, () => f.local(type));
    this.#f = f;
    this.#index = index;
    this.#pointers = locals(4, "i32");
    this.#state = locals(4, "v128");
    this.#before = locals(4, "v128");
    this.#words = locals(16, "v128");
    this.#rows = locals(4, "v128");
    this.#pairs = locals(4, "v128");
    this.#sum = f.local("v128");
    this.#shared = f.local("v128");
  }

  load(): void {
    this.#pointers.forEach((pointer, lane) =>
      this.#f.emit(pointer.set(i32.load(ZERO, POINTERS + 4 * (4 * this.#index + lane))))
    );
    this.#state.forEach((word, i) => this.#f.emit(word.set(v128.load(ZERO, this.#address(i)))));
  }

  store(): void {
    this.#state.forEach((word, i) => this.#f.emit(v128.store(ZERO, word.get, this.#address(i))));
  }

  /** Reads a block of each message and turns four rows of words into words of four rows. */
  beginBlock(): void {
    const f = this.#f;
    const [r0, r1, r2, r3] = this.#rows;
    const [p0, p1, p2, p3] = this.#pairs;
    this.#before.forEach((before, i) => f.emit(before.set(this.#state[i].get)));
    for (let quarter = 0; quarter < 4; quarter++) {
      this.#rows.forEach((row, lane) =>
        f.emit(row.set(v128.load(this.#pointers[lane].get, VECTOR * quarter)))
      );
      const [w0, w1, w2, w3] = this.#words.slice(4 * quarter, 4 * quarter + 4);
      f.emit(
        p0.set(v128.shuffle(r0.get, r1.get, [0, 4, 1, 5])),
        p1.set(v128.shuffle(r2.get, r3.get, [0, 4, 1, 5])),
        p2.set(v128.shuffle(r0.get, r1.get, [2, 6, 3, 7])),
        p3.set(v128.shuffle(r2.get, r3.get, [2, 6, 3, 7])),
        w0.set(v128.shuffle(p0.get, p1.get, [0, 1, 4, 5])),
        w1.set(v128.shuffle(p0.get, p1.get, [2, 3, 6, 7])),
        w2.set(v128.shuffle(p2.get, p3.get, [0, 1, 4, 5])),
        w3.set(v128.shuffle(p2.get, p3.get, [2, 3, 6, 7])),
      );
    }
  }

  step(index: number, constant: Local): void {
    const { round, word, rotation } = MD5_STEPS[index];
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => this.#state[(i + 64 - index) & 3]);
    const sum = this.#sum;
    const add = (value: Code) => this.#f.emit(sum.set(v128.add(sum.get, value)));
    this.#f.emit(sum.set(v128.add(a.get, v128.add(this.#words[word].get, constant.get))));
    switch (round) {
      case 0:
        add(v128.xor(d.get, v128.and(b.get, v128.xor(c.get, d.get))));
        break;
      case 1:
        // The two halves of (b & d) | (c & ~d) share no bit, so they may be added, and the one
        // without b, the newest word, early.
        add(v128.andNot(c.get, d.get));
        add(v128.and(b.get, d.get));
        break;
      case 2:
        // b ^ c of this step is c ^ d of the next.
        if (index % 2 === 0) {
          this.#f.emit(this.#shared.set(v128.xor(b.get, c.get)));
          add(v128.xor(this.#shared.get, d.get));
        } else {
          add(v128.xor(b.get, this.#shared.get));
        }
        break;
      case 3:
        this.#f.emit(
          sum.set(v128.sub(sum.get, v128.xor(c.get, v128.andNot(d.get, b.get)))),
        );
        break;
    }
    const rotated = rotation === 16 ? v128.swapHalves(sum.get) : v128.or(
      v128.shiftLeft(sum.get, rotation),
      v128.shiftRight(sum.get, 32 - rotation),
    );
    this.#f.emit(a.set(v128.add(b.get, rotated)));
  }

  endBlock(): void {
    this.#state.forEach((word, i) =>
      this.#f.emit(word.set(v128.add(word.get, this.#before[i].get)))
    );
    this.#pointers.forEach((pointer) =>
      this.#f.emit(pointer.set(i32.add(pointer.get, i32.const(BLOCK))))
    );
  }

  #address(word: number): number {
    return STATES + GROUP_STATE * this.#index + VECTOR * word;
  }
}

/**
 * Writes `blocks4`, `blocks8` or `blocks12`: takes the number of blocks, the same for all lanes,
 * hashes them from where {@linkcode POINTERS} point into {@linkcode STATES}.
 *
 * The groups take turns step by step: while one waits for its own last result, the processor has
 * the others to work on.
 *
 * @param groups 1, 2 or 3 groups of four messages
 */
export function simdFunction(groups: number): FunctionBuilder {
  const f = new FunctionBuilder(`blocks${4 * groups}`, ["i32"]);
  const [count] = f.parameters;
  const all = Array.from({ length: groups }, (_, index) => new Group(f, index));
  const constant = f.local("v128");
  for (const group of all) group.load();
  f.countDown(count, () => {
    for (const group of all) group.beginBlock();
    for (let i = 0; i < MD5_STEPS.length; i++) {
      f.emit(constant.set(v128.loadSplat(ZERO, CONSTANTS + 4 * i)));
      for (const group of all) group.step(i, constant);
    }
    for (const group of all) group.endBlock();
  });
  for (const group of all) group.store();
  return f;
}
