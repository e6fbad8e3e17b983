/** The kernel for one message. */

import { BLOCK, POINTERS, STATES, VECTOR } from "./layout.ts";
import { MD5_STEPS } from "./md5_steps.ts";
import { type Code, FunctionBuilder, i32 } from "./wasm_module.ts";

const ZERO = i32.const(0);
const not = (value: Code) => i32.xor(value, i32.const(-1));

/**
 * Writes `blocks1`: takes a number of blocks, hashes them from where the first of
 * {@linkcode POINTERS} points into the first lane of {@linkcode STATES}.
 *
 * One message can't be hashed faster than its chain of dependent instructions allows. Each step
 * waits for `b`, the result of the one before; everything that is known earlier is added up first,
 * so that the chain is and, xor, add, rotate, add in the first round, or, xor, add, rotate, add in
 * the last and one instruction less in the two between: 288 cycles a block.
 */
export function scalarFunction(): FunctionBuilder {
  const f = new FunctionBuilder("blocks1", ["i32"]);
  const [count] = f.parameters;
  const pointer = f.local("i32");
  const state = [0, 1, 2, 3].map(() => f.local("i32"));
  const before = [0, 1, 2, 3].map(() => f.local("i32"));
  const address = (word: number) => STATES + VECTOR * word;

  f.emit(pointer.set(i32.load(ZERO, POINTERS)));
  state.forEach((word, i) => f.emit(word.set(i32.load(ZERO, address(i)))));
  f.countDown(count, () => {
    before.forEach((word, i) => f.emit(word.set(state[i].get)));
    for (const [i, { round, word, constant, rotation }] of MD5_STEPS.entries()) {
      const [a, b, c, d] = [0, 1, 2, 3].map((w) => state[(w + 64 - i) & 3].get);
      const early = i32.add(
        i32.add(a, i32.load(pointer.get, 4 * word)),
        i32.const(constant),
      );
      const sum = [
        () => i32.add(early, i32.xor(d, i32.and(b, i32.xor(c, d)))),
        // The two halves of (b & d) | (c & ~d) share no bit, so they may be added.
        () => i32.add(i32.add(early, i32.and(not(d), c)), i32.and(b, d)),
        () => i32.add(early, i32.xor(b, i32.xor(c, d))),
        () => i32.add(early, i32.xor(c, i32.or(b, not(d)))),
      ][round]();
      // The last step's result is what the next block waits for: add the old state to b early.
      const base = i === 63 ? i32.add(b, before[1].get) : b;
      f.emit(state[(64 - i) & 3].set(i32.add(i32.rotl(sum, i32.const(rotation)), base)));
    }
    for (const i of [0, 2, 3]) {
      f.emit(state[i].set(i32.add(state[i].get, before[i].get)));
    }
    f.emit(pointer.set(i32.add(pointer.get, i32.const(BLOCK))));
  });
  state.forEach((word, i) => f.emit(i32.store(ZERO, word.get, address(i))));
  return f;
}
