/**
 * Where things stand in a kernel's memory.
 *
 * Lanes come in groups of four: lane 5 is place 1 of group 1.
 */

/** Bytes of a block. */
export const BLOCK = 64;
/** Lanes at most. */
export const MAX_LANES = 12;
/** For each lane the address of its next block (u32). */
export const POINTERS = 0;
/** For each group the words a, b, c, d, each of them for four lanes (u32). */
export const STATES = 64;
/** Bytes of one word of a group's state. */
export const VECTOR = 16;
/** Bytes of a group's state. */
export const GROUP_STATE = 4 * VECTOR;
/** The constants of the 64 steps (u32). */
export const CONSTANTS = 256;
/** From here on the memory is the caller's. */
export const FREE = 1024;
/**
 * Size of the memory, pages of 64 KiB. It never grows, because a buffer that a read is filling
 * must not move; pages that nobody touches cost nothing.
 */
export const MEMORY_PAGES = 512;
