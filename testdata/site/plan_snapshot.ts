import { isoDateTime, snapshotTime } from "./calendar.ts";
import { csvLine, encodeLines } from "./csv.ts";
import { type Fate, stateOf } from "./file_history.ts";
import { careSites, cdmSource, locations, PERSON_TABLE_NAMES, personTable } from "./omop_tables.ts";
import { patientFiles } from "./patient_files.ts";
import { patientsUntil } from "./people.ts";
import type { PlannedFile } from "./planned_file.ts";
import type { SiteSpecification } from "./site_options.ts";

/**
 * Every file that is there in a snapshot, and those that are gone since the one
 * before, in a fixed order. Follows from the specification alone: nothing is
 * remembered, whatever the size of the site.
 *
 * @param snapshot 1, 2, …
 */
export function* planSnapshot(
  site: SiteSpecification,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  yield* siteFiles(site, snapshot);
  for (const patient of patientsUntil(site, snapshot)) {
    yield* patientFiles(site, patient, snapshot);
  }
}

/** A file of the site as a whole: its history is the same under every seed. */
interface SiteFile {
  path: string;
  modality?: string;
  born?: number;
  /** The snapshot in which it is no longer there. */
  gone?: number;
  /** What befalls it in every snapshot after its first. */
  fate: Fate;
  content: (site: SiteSpecification, snapshot: number) => Iterable<Uint8Array>;
}

const text = (...lines: string[]) => encodeLines(lines.map((line) => line + "\n"));

const SITE_FILES: readonly SiteFile[] = [
  { path: "OMOP/care_site.csv", modality: "OMOP", fate: "kept", content: careSites },
  { path: "OMOP/location.csv", modality: "OMOP", fate: "touched", content: locations },
  {
    path: "OMOP/cdm_source.csv",
    modality: "OMOP",
    fate: "changed_same_size",
    content: (_, snapshot) => cdmSource(snapshot),
  },
  ...PERSON_TABLE_NAMES.map((name): SiteFile => ({
    path: `OMOP/${name}.csv`,
    modality: "OMOP",
    // The site begins to send notes with its second submission.
    born: name === "note" ? 2 : 1,
    // Every snapshot brings new patients, and with them rows.
    fate: "changed_size",
    content: (site, snapshot) => personTable(name, site, snapshot),
  })),
  {
    path: "Metadata/data_dictionary.csv",
    modality: "Metadata",
    fate: "kept",
    content: () =>
      text(
        "folder,what",
        "OMOP,tables of the OMOP Common Data Model 5.4",
        "Images,DICOM",
        "Waveforms,WFDB and EDF",
      ),
  },
  {
    path: "Metadata/site.json",
    modality: "Metadata",
    fate: "changed_same_size",
    content: ({ seed }, snapshot) =>
      text(JSON.stringify({ synthetic: true, seed, taken: isoDateTime(snapshotTime(snapshot)) })),
  },
  {
    path: "Metadata/README.md",
    modality: "Metadata",
    fate: "touched",
    content: () => text("# A synthetic site", "", "Generated. No person's data."),
  },
  {
    path: "Metadata/draft release notes.md",
    modality: "Metadata",
    gone: 2,
    fate: "kept",
    content: () => text("Not for sending."),
  },
  {
    path: "Metadata/waveform_records.csv",
    modality: "Metadata",
    fate: "changed_size",
    content: waveformRecords,
  },
  { path: "README.txt", fate: "kept", content: () => text("This file matches no modality.") },
];

function* siteFiles(
  site: SiteSpecification,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  for (const { path, modality, born = 1, gone, fate, content } of SITE_FILES) {
    const state = stateOf(site.seed, {
      key: `site/${path}`,
      born,
      gone,
      fixed: () => fate,
    }, snapshot);
    if (state === undefined) continue;
    const { action, mtimeMs } = state;
    yield { path, modality, action, mtimeMs, content: () => content(site, snapshot) };
  }
}

/** Which file belongs to which record and session: a mapping for sites with names of their own. */
function waveformRecords(site: SiteSpecification, snapshot: number): Iterable<Uint8Array> {
  return encodeLines((function* () {
    yield csvLine(["file", "person", "session", "record", "start"]);
    for (const patient of patientsUntil(site, snapshot)) {
      for (const { path, person, record, action } of patientFiles(site, patient, snapshot)) {
        if (record === undefined || action === "gone") continue;
        const { name, visit, start } = record;
        yield csvLine([path, person, visit ?? undefined, name, start]);
      }
    }
  })());
}
