/** How large a synthetic site is. */

/** The sizes by name. */
export const SCALES = ["tiny", "small", "large"] as const;

export type Scale = typeof SCALES[number];

/** Snapshots at most: a week apart, all of them lie in the past. */
export const MOST_SNAPSHOTS = 99;

/** Patients at most. */
export const MOST_PATIENTS = 1_000_000;

/** What to generate; what is left out has its default. */
export interface SiteOptions {
  /** Any text; the same seed gives the same bytes and times. */
  seed?: string;
  scale?: Scale;
  /** Patients of the first snapshot. */
  patients?: number;
  /** How often the site is looked at; from the second on some files are touched, changed, … */
  snapshots?: number;
}

/** Numbers of a scale. */
interface Volume {
  patients: number;
  /** Waveform records of one visit. */
  records: readonly [number, number];
  /** Images of one study; every visit has one study. */
  images: readonly [number, number];
  /** Length of the site's one long recording, seconds. */
  longSeconds: number;
}

const VOLUMES: Readonly<Record<Scale, Volume>> = {
  tiny: { patients: 8, records: [1, 2], images: [1, 3], longSeconds: 600 },
  small: { patients: 200, records: [4, 7], images: [2, 6], longSeconds: 6 * 3600 },
  large: { patients: 4_500, records: [2, 5], images: [3, 7], longSeconds: 6 * 3600 },
};

/** A site in all its numbers. */
export interface SiteSpecification extends Volume {
  readonly seed: string;
  readonly scale: Scale;
  readonly patients: number;
  readonly snapshots: number;
}

/**
 * Fills in the defaults: seed `chorus`, scale `tiny`, two snapshots, the scale's
 * number of patients.
 *
 * @throws RangeError for a scale that there is none of, and numbers out of range
 */
export function specify(options: SiteOptions = {}): SiteSpecification {
  const scale = options.scale ?? "tiny";
  if (!SCALES.includes(scale)) {
    throw new RangeError(`"${scale}" is no scale; there are ${SCALES.join(", ")}.`);
  }
  const patients = options.patients ?? VOLUMES[scale].patients;
  const snapshots = options.snapshots ?? 2;
  checkNumber("patients", patients, MOST_PATIENTS);
  checkNumber("snapshots", snapshots, MOST_SNAPSHOTS);
  return { ...VOLUMES[scale], seed: options.seed ?? "chorus", scale, patients, snapshots };
}

function checkNumber(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`The number of ${what} is ${value}; it can be 1 to ${most}.`);
  }
}
