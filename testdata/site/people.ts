/** The patients of the synthetic site and their visits. */

import { DAY, FIRST_VISIT_MS, HOUR, SECOND, snapshotTime } from "./calendar.ts";
import { Random } from "./random.ts";
import type { SiteSpecification } from "./site_options.ts";

export interface Patient {
  /** 0, 1, 2, … in order of admission to the site's data. */
  index: number;
  /** The folder's name: `00123`, `p_01`, `José_4`; `person_source_value` in the OMOP tables. */
  id: string;
  /** OMOP `person_id`: the number that `id` is, another one where it is none. */
  personId: number;
  /** The snapshot in which the patient appears, and the one in which the data are withdrawn. */
  born: number;
  gone?: number;
}

export interface Visit {
  /** OMOP `visit_occurrence_id`. */
  id: number;
  /** 0, 1, … of the patient. */
  ordinal: number;
  /** Milliseconds since 1970 UTC. */
  startMs: number;
  endMs: number;
  /** Concept of the kind of visit (https://athena.ohdsi.org): inpatient, emergency, outpatient. */
  concept: 9201 | 9202 | 9203;
  /** The snapshot in which its data appear. */
  born: number;
}

/** The forms in which real sites write ids. */
const FIRST_IDS = ["00123", "p_01", "José_4", "7", "患者_05"];

/** This one's data are withdrawn in the second snapshot. */
const WITHDRAWN_INDEX = 3;

/** Patients who appear in each snapshot after the first. */
function newcomers(site: SiteSpecification): number {
  return Math.max(1, Math.floor(site.patients * 3 / 100));
}

/** Every patient who was there in a snapshot or in one before it, the withdrawn ones too. */
export function* patientsUntil(
  site: SiteSpecification,
  snapshot: number,
): Generator<Patient, void, undefined> {
  const total = site.patients + (snapshot - 1) * newcomers(site);
  for (let index = 0; index < total; index++) yield patient(site, index, snapshot);
}

function patient(site: SiteSpecification, index: number, snapshot: number): Patient {
  const { id, personId } = identity(index);
  const late = index - site.patients;
  const born = late < 0 ? 1 : 2 + Math.floor(late / newcomers(site));
  return { index, id, personId, born, gone: withdrawal(site, index, born, snapshot) };
}

function identity(index: number): { id: string; personId: number } {
  const number = 10_000 + index;
  const id = FIRST_IDS[index] ??
    (index % 10 === 6 ? `p_${index}` : index % 10 === 8 ? `00${number}` : String(number));
  // Ids that are no numbers get their own range, beyond all those that are.
  return { id, personId: /^\d+$/.test(id) ? Number(id) : 5_000_000 + index };
}

function withdrawal(
  site: SiteSpecification,
  index: number,
  born: number,
  snapshot: number,
): number | undefined {
  if (index === WITHDRAWN_INDEX && site.patients > WITHDRAWN_INDEX) return 2;
  if (index < FIRST_IDS.length) return undefined;
  for (let each = born + 1; each <= snapshot; each++) {
    if (new Random(site.seed, "withdrawn", index, each).below(200) === 0) return each;
  }
  return undefined;
}

/** True when the patient's data are at the site in a snapshot. */
export function isThere({ born, gone }: Patient, snapshot: number): boolean {
  return born <= snapshot && (gone === undefined || snapshot < gone);
}

/** Days between the starts of two early visits, so that visits never overlap. */
const EARLY_SPACING_DAYS = 230;

/** The visits of a patient whose data had appeared by a snapshot, in order of time. */
export function visitsUntil(site: SiteSpecification, patient: Patient, snapshot: number): Visit[] {
  const visits: Visit[] = [];
  const add = (startMs: number, born: number, chance: Random) => {
    const ordinal = visits.length;
    const concept = patient.index === 0 && ordinal === 0
      ? 9201
      : chance.pick([9201, 9201, 9202, 9203] as const);
    const length = concept === 9201 ? chance.between(36, 120) * HOUR : chance.between(4, 12) * HOUR;
    const id = (patient.index + 1) * 1_000 + ordinal + 1;
    visits.push({ id, ordinal, startMs, endMs: startMs + length, concept, born });
  };
  const chance = new Random(site.seed, "visits", patient.index);
  const early = chance.between(patient.index === 0 ? 2 : 1, 3);
  for (let slot = 0; slot < early; slot++) {
    const start = FIRST_VISIT_MS + slot * EARLY_SPACING_DAYS * DAY +
      chance.below(200) * DAY + chance.below(24 * 3600) * SECOND;
    add(start, patient.born, chance);
  }
  const last = Math.min(snapshot, (patient.gone ?? Infinity) - 1);
  for (let each = patient.born + 1; each <= last; each++) {
    const later = new Random(site.seed, "visit", patient.index, each);
    // They end before the snapshot is taken: 5 days at most, begun 6 days before.
    if (later.chance(15)) add(snapshotTime(each) - 6 * DAY + later.below(5) * HOUR, each, later);
  }
  return visits;
}
