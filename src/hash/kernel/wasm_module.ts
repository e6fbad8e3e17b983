/**
 * Writes WebAssembly modules: as much of the binary format as the kernels need.
 *
 * Our own instead of a compiler, because the order of the instructions is the point: an optimizer
 * that reorders them makes the interleaved kernel a third slower (docs/design.md).
 *
 * @see {@link https://webassembly.github.io/spec/core/binary/ | WebAssembly binary format}
 */

/** Instructions, encoded. An expression leaves one value on the stack, a statement none. */
export type Code = readonly number[];

/** Value types that locals and parameters can have. */
export const valueType = { i32: 0x7f, v128: 0x7b } as const;
export type ValueType = keyof typeof valueType;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const more = value > 0x7f;
    bytes.push((value & 0x7f) | (more ? 0x80 : 0));
    value >>>= 7;
  } while (value !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (byte & 0x40) === 0) ||
      (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(last ? byte : byte | 0x80);
    if (last) return bytes;
  }
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

const binary = (opcode: readonly number[]) => (a: Code, b: Code): Code => [
  ...a,
  ...b,
  ...opcode,
];
const simd = (opcode: number) => [0xfd, ...unsigned(opcode)];
/** Alignment hint 0: any address will do. */
const at = (offset: number) => [0, ...unsigned(offset)];

/** 32-bit integer instructions. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x28, ...at(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0x36,
    ...at(offset),
  ],
  add: binary([0x6a]),
  sub: binary([0x6b]),
  and: binary([0x71]),
  or: binary([0x72]),
  xor: binary([0x73]),
  rotl: binary([0x77]),
};

/** Instructions on four 32-bit lanes. */
export const v128 = {
  load: (address: Code, offset = 0): Code => [
    ...address,
    ...simd(0x00),
    ...at(offset),
  ],
  /** The 32-bit word at the address in all four lanes. */
  loadSplat: (address: Code, offset = 0): Code => [
    ...address,
    ...simd(0x09),
    ...at(offset),
  ],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(0x0b),
    ...at(offset),
  ],
  /** Picks four lanes of eight: 0–3 are those of `a`, 4–7 those of `b`. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [
    ...a,
    ...b,
    ...simd(0x0d),
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  ],
  /** Rotates every 32-bit lane by 16: swaps its halves. */
  swapHalves: (a: Code): Code => [
    ...a,
    ...a,
    ...simd(0x0d),
    ...[0, 4, 8, 12].flatMap((i) => [i + 2, i + 3, i, i + 1]),
  ],
  and: binary(simd(0x4e)),
  /** `a & ~b`. */
  andNot: binary(simd(0x4f)),
  or: binary(simd(0x50)),
  xor: binary(simd(0x51)),
  add: binary(simd(0xae)),
  sub: binary(simd(0xb1)),
  shiftLeft: (a: Code, bits: number): Code => [
    ...a,
    ...i32.const(bits),
    ...simd(0xab),
  ],
  shiftRight: (a: Code, bits: number): Code => [
    ...a,
    ...i32.const(bits),
    ...simd(0xad),
  ],
};

/** A local variable. */
export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

/** A function without result that is being written. */
export class FunctionBuilder {
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];
  readonly parameters: readonly Local[];

  constructor(readonly name: string, readonly parameterTypes: ValueType[]) {
    this.parameters = parameterTypes.map((_, index) => this.#at(index));
  }

  /** Declares a local variable. */
  local(type: ValueType): Local {
    this.#locals.push(type);
    return this.#at(this.parameterTypes.length + this.#locals.length - 1);
  }

  /** Appends statements. */
  emit(...statements: Code[]): void {
    for (const statement of statements) {
      for (const byte of statement) this.#code.push(byte);
    }
  }

  /** Runs `body` until `counter`, reduced by one after each round, is 0; not at all if it is 0. */
  countDown(counter: Local, body: () => void): void {
    this.emit([0x02, 0x40, 0x03, 0x40], counter.get, [0x45, 0x0d, 1]);
    body();
    this.emit(counter.set(i32.sub(counter.get, i32.const(1))), [0x0c, 0, 0x0b, 0x0b]);
  }

  /** The type in the type section's form. */
  get type(): number[] {
    return [
      0x60,
      ...vector(this.parameterTypes.map((type) => [valueType[type]])),
      ...unsigned(0),
    ];
  }

  /** The body in the code section's form. */
  get body(): number[] {
    const locals = vector(this.#locals.map((type) => [1, valueType[type]]));
    const body = [...locals, ...this.#code, 0x0b];
    return [...unsigned(body.length), ...body];
  }

  #at(index: number): Local {
    return {
      get: [0x20, ...unsigned(index)],
      set: (value) => [...value, 0x21, ...unsigned(index)],
    };
  }
}

/** What a module holds besides its functions. */
export interface ModuleData {
  /** Memory at the start, pages of 64 KiB. */
  pages: number;
  /** What stands in the memory at the start. */
  data: readonly { address: number; bytes: Uint8Array }[];
}

/** Writes a module that exports `memory` and every function under its name. */
export function encodeModule(
  functions: readonly FunctionBuilder[],
  { pages, data }: ModuleData,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(functions.map((f) => f.type))),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0x00, ...unsigned(pages)]])),
    ...section(
      7,
      vector([
        [...name("memory"), 0x02, 0],
        ...functions.map((f, index) => [...name(f.name), 0x00, ...unsigned(index)]),
      ]),
    ),
    ...section(10, vector(functions.map((f) => f.body))),
    ...section(
      11,
      vector(data.map(({ address, bytes }) => [
        0x00,
        ...i32.const(address),
        0x0b,
        ...unsigned(bytes.length),
        ...bytes,
      ])),
    ),
  ]);
}
