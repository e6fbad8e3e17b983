/**
 * Tables of the OMOP Common Data Model 5.4, with its column names
 * (https://ohdsi.github.io/CommonDataModel/cdm54.html).
 */

import { HOUR, isoDate, isoDateTime, snapshotTime } from "./calendar.ts";
import { csvLine, encodeLines, type Field } from "./csv.ts";
import { isThere, type Patient, patientsUntil, type Visit, visitsUntil } from "./people.ts";
import { Random } from "./random.ts";
import type { SiteSpecification } from "./site_options.ts";

/** A row by column name; columns that are left out are empty. */
type Row = Readonly<Record<string, Field>>;

/** One table and how its rows follow from a patient and the visits. */
interface OmopTable {
  columns: readonly string[];
  rows: (patient: Patient, visits: readonly Visit[], site: SiteSpecification) => Iterable<Row>;
}

/** EHR record, as the type of every row. */
const EHR = 32817;
const CARE_SITES = 3;

/** Measurements: concept, unit concept, unit, least and most value in tenths. */
const MEASUREMENTS = [
  { concept: 3027018, unit: 8541, source: "HR", unitText: "/min", least: 550, most: 1300 },
  { concept: 3020891, unit: 8653, source: "TEMP", unitText: "Cel", least: 355, most: 402 },
  { concept: 3004249, unit: 8876, source: "SBP", unitText: "mm[Hg]", least: 850, most: 1900 },
  { concept: 3016502, unit: 8554, source: "SPO2", unitText: "%", least: 880, most: 1000 },
  { concept: 3024171, unit: 8541, source: "RR", unitText: "/min", least: 80, most: 300 },
] as const;
const CONDITIONS = [[317009, "J45.909"], [313217, "I48.91"], [132797, "A41.9"], [
  255848,
  "J18.9",
]] as const;
const DRUGS = [[1127433, "acetaminophen 500 MG"], [1367571, "heparin"], [
  1321341,
  'norepinephrine, "continuous"',
]] as const;

/** Rows of one kind for each visit: `count` of them, with chance and a unique id each. */
function* perVisit(
  table: string,
  visits: readonly Visit[],
  site: SiteSpecification,
  count: readonly [number, number],
  row: (visit: Visit, id: number, chance: Random, atMs: number) => Row,
): Generator<Row, void, undefined> {
  for (const visit of visits) {
    const chance = new Random(site.seed, table, visit.id);
    const rows = chance.between(...count);
    for (let ordinal = 0; ordinal < rows; ordinal++) {
      const hours = Math.floor((visit.endMs - visit.startMs) / HOUR);
      yield row(
        visit,
        visit.id * 100 + ordinal,
        chance,
        visit.startMs + chance.below(hours) * HOUR,
      );
    }
  }
}

function columns(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** The tables that say something about people, by file name without `.csv`. */
const PERSON_TABLES: Readonly<Record<string, OmopTable>> = {
  person: {
    columns: columns(`person_id gender_concept_id year_of_birth month_of_birth day_of_birth
      birth_datetime race_concept_id ethnicity_concept_id location_id provider_id care_site_id
      person_source_value gender_source_value gender_source_concept_id race_source_value
      race_source_concept_id ethnicity_source_value ethnicity_source_concept_id`),
    *rows(patient, _, site) {
      const chance = new Random(site.seed, "person", patient.index);
      const female = chance.chance(50);
      yield {
        person_id: patient.personId,
        gender_concept_id: female ? 8532 : 8507,
        year_of_birth: chance.between(1930, 2004),
        month_of_birth: chance.between(1, 12),
        day_of_birth: chance.between(1, 28),
        race_concept_id: chance.pick([8515, 8516, 8527, 0]),
        ethnicity_concept_id: chance.pick([38003563, 38003564]),
        location_id: 1 + chance.below(CARE_SITES),
        care_site_id: 1 + chance.below(CARE_SITES),
        person_source_value: patient.id,
        gender_source_value: female ? "F" : "M",
        gender_source_concept_id: 0,
        race_source_concept_id: 0,
        ethnicity_source_concept_id: 0,
      };
    },
  },
  observation_period: {
    columns: columns(`observation_period_id person_id observation_period_start_date
      observation_period_end_date period_type_concept_id`),
    *rows(patient, visits) {
      yield {
        observation_period_id: patient.index + 1,
        person_id: patient.personId,
        observation_period_start_date: isoDate(visits[0].startMs),
        observation_period_end_date: isoDate(visits[visits.length - 1].endMs),
        period_type_concept_id: EHR,
      };
    },
  },
  visit_occurrence: {
    columns: columns(`visit_occurrence_id person_id visit_concept_id visit_start_date
      visit_start_datetime visit_end_date visit_end_datetime visit_type_concept_id provider_id
      care_site_id visit_source_value visit_source_concept_id admitted_from_concept_id
      admitted_from_source_value discharged_to_concept_id discharged_to_source_value
      preceding_visit_occurrence_id`),
    *rows({ personId }, visits) {
      for (const [index, visit] of visits.entries()) {
        yield {
          visit_occurrence_id: visit.id,
          person_id: personId,
          visit_concept_id: visit.concept,
          visit_start_date: isoDate(visit.startMs),
          visit_start_datetime: isoDateTime(visit.startMs),
          visit_end_date: isoDate(visit.endMs),
          visit_end_datetime: isoDateTime(visit.endMs),
          visit_type_concept_id: EHR,
          care_site_id: 1 + visit.id % CARE_SITES,
          visit_source_value: `V${visit.id}`,
          visit_source_concept_id: 0,
          admitted_from_concept_id: 0,
          discharged_to_concept_id: 0,
          preceding_visit_occurrence_id: visits[index - 1]?.id,
        };
      }
    },
  },
  condition_occurrence: {
    columns: columns(`condition_occurrence_id person_id condition_concept_id condition_start_date
      condition_start_datetime condition_end_date condition_end_datetime condition_type_concept_id
      condition_status_concept_id stop_reason provider_id visit_occurrence_id visit_detail_id
      condition_source_value condition_source_concept_id condition_status_source_value`),
    rows: ({ personId }, visits, site) =>
      perVisit("condition", visits, site, [1, 2], (visit, id, chance, atMs) => {
        const [concept, source] = chance.pick(CONDITIONS);
        return {
          condition_occurrence_id: id,
          person_id: personId,
          condition_concept_id: concept,
          condition_start_date: isoDate(atMs),
          condition_start_datetime: isoDateTime(atMs),
          condition_type_concept_id: EHR,
          visit_occurrence_id: visit.id,
          condition_source_value: source,
          condition_source_concept_id: 0,
        };
      }),
  },
  drug_exposure: {
    columns: columns(`drug_exposure_id person_id drug_concept_id drug_exposure_start_date
      drug_exposure_start_datetime drug_exposure_end_date drug_exposure_end_datetime
      verbatim_end_date drug_type_concept_id stop_reason refills quantity days_supply sig
      route_concept_id lot_number provider_id visit_occurrence_id visit_detail_id
      drug_source_value drug_source_concept_id route_source_value dose_unit_source_value`),
    rows: ({ personId }, visits, site) =>
      perVisit("drug", visits, site, [1, 3], (visit, id, chance, atMs) => {
        const [concept, source] = chance.pick(DRUGS);
        return {
          drug_exposure_id: id,
          person_id: personId,
          drug_concept_id: concept,
          drug_exposure_start_date: isoDate(atMs),
          drug_exposure_start_datetime: isoDateTime(atMs),
          drug_exposure_end_date: isoDate(visit.endMs),
          drug_type_concept_id: EHR,
          quantity: chance.between(1, 20),
          visit_occurrence_id: visit.id,
          drug_source_value: source,
          drug_source_concept_id: 0,
        };
      }),
  },
  measurement: {
    columns: columns(`measurement_id person_id measurement_concept_id measurement_date
      measurement_datetime measurement_time measurement_type_concept_id operator_concept_id
      value_as_number value_as_concept_id unit_concept_id range_low range_high provider_id
      visit_occurrence_id visit_detail_id measurement_source_value measurement_source_concept_id
      unit_source_value unit_source_concept_id value_source_value measurement_event_id
      meas_event_field_concept_id`),
    rows: ({ personId }, visits, site) =>
      perVisit("measurement", visits, site, [3, 8], (visit, id, chance, atMs) => {
        const kind = chance.pick(MEASUREMENTS);
        const tenths = chance.between(kind.least, kind.most);
        const value = `${Math.floor(tenths / 10)}.${tenths % 10}`;
        return {
          measurement_id: id,
          person_id: personId,
          measurement_concept_id: kind.concept,
          measurement_date: isoDate(atMs),
          measurement_datetime: isoDateTime(atMs),
          measurement_type_concept_id: EHR,
          value_as_number: value,
          unit_concept_id: kind.unit,
          visit_occurrence_id: visit.id,
          measurement_source_value: kind.source,
          measurement_source_concept_id: 0,
          unit_source_value: kind.unitText,
          value_source_value: value,
        };
      }),
  },
  observation: {
    columns: columns(`observation_id person_id observation_concept_id observation_date
      observation_datetime observation_type_concept_id value_as_number value_as_string
      value_as_concept_id qualifier_concept_id unit_concept_id provider_id visit_occurrence_id
      visit_detail_id observation_source_value observation_source_concept_id unit_source_value
      qualifier_source_value value_source_value observation_event_id
      obs_event_field_concept_id`),
    rows: ({ personId }, visits, site) =>
      perVisit("observation", visits, site, [1, 2], (visit, id, chance, atMs) => ({
        observation_id: id,
        person_id: personId,
        observation_concept_id: 4275495,
        observation_date: isoDate(atMs),
        observation_datetime: isoDateTime(atMs),
        observation_type_concept_id: EHR,
        value_as_string: chance.pick(["never smoker", "former smoker", "current smoker"]),
        visit_occurrence_id: visit.id,
        observation_source_value: "smoking",
        observation_source_concept_id: 0,
      })),
  },
  note: {
    columns: columns(`note_id person_id note_date note_datetime note_type_concept_id
      note_class_concept_id note_title note_text encoding_concept_id language_concept_id
      provider_id visit_occurrence_id visit_detail_id note_source_value note_event_id
      note_event_field_concept_id`),
    rows: ({ personId, id: source }, visits, site) =>
      perVisit("note", visits, site, [1, 1], (visit, id, chance, atMs) => ({
        note_id: id,
        person_id: personId,
        note_date: isoDate(atMs),
        note_datetime: isoDateTime(atMs),
        note_type_concept_id: EHR,
        note_class_concept_id: 0,
        note_title: "Progress note",
        note_text: `Synthetic note about ${source}.\n` +
          `Patient ${
            chance.pick(["is stable", 'reports pain, "mild"', "sleeps"])
          }; plan unchanged.`,
        encoding_concept_id: 32678,
        language_concept_id: 4180186,
        visit_occurrence_id: visit.id,
      })),
  },
};

/** Names of the tables that grow with the patients. */
export const PERSON_TABLE_NAMES: readonly string[] = Object.keys(PERSON_TABLES);

/** The bytes of one of the tables that grow with the patients. */
export function personTable(
  name: string,
  site: SiteSpecification,
  snapshot: number,
): Iterable<Uint8Array> {
  const table = PERSON_TABLES[name];
  return encodeLines((function* () {
    yield csvLine(table.columns);
    for (const patient of patientsUntil(site, snapshot)) {
      if (!isThere(patient, snapshot)) continue;
      const visits = visitsUntil(site, patient, snapshot);
      for (const row of table.rows(patient, visits, site)) {
        yield csvLine(table.columns.map((column) => row[column]));
      }
    }
  })());
}

/** The bytes of `care_site.csv`, which stays as it is. */
export function careSites(): Iterable<Uint8Array> {
  const names = ["Medical ICU", "Surgical ICU", "Emergency department"];
  return encodeLines([
    csvLine(columns(`care_site_id care_site_name place_of_service_concept_id location_id
      care_site_source_value place_of_service_source_value`)),
    ...names.map((name, index) => csvLine([index + 1, name, 0, 1, `CS${index + 1}`, undefined])),
  ]);
}

/** The bytes of `location.csv`, which stays as it is. */
export function locations(): Iterable<Uint8Array> {
  return encodeLines([
    csvLine(columns(`location_id address_1 address_2 city state zip county location_source_value
      country_concept_id country_source_value latitude longitude`)),
    ...[1, 2, 3].map((id) =>
      csvLine([id, undefined, undefined, "Springfield", "ZZ", `0000${id}`, undefined, `L${id}`])
        .replace("\n", ",,,,\n")
    ),
  ]);
}

/** The bytes of `cdm_source.csv`, which names the release and keeps its size. */
export function cdmSource(snapshot: number): Iterable<Uint8Array> {
  const date = isoDate(snapshotTime(snapshot));
  return encodeLines([
    csvLine(columns(`cdm_source_name cdm_source_abbreviation cdm_holder source_description
      source_documentation_reference cdm_etl_reference source_release_date cdm_release_date
      cdm_version cdm_version_concept_id vocabulary_version`)),
    csvLine([
      "Synthetic site",
      "SYN",
      "Nobody",
      "Generated; no person's data",
      undefined,
      undefined,
      date,
      date,
      "v5.4",
      756265,
      "v5.0 29-FEB-24",
    ]),
  ]);
}
