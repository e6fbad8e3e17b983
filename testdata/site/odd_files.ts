/** The few files that real sites have too: odd names, nothing inside, no modality. */

import { type FileGroup, stateOf } from "./file_history.ts";
import type { Patient } from "./people.ts";
import type { PlannedFile } from "./planned_file.ts";
import type { SiteSpecification } from "./site_options.ts";

/** By patient's index: paths below the patient's folder. Windows can hold all of them. */
const ODD_FILES: readonly (readonly { path: string; modality?: string; empty?: true }[])[] = [
  [
    { path: "Images/x ray (left).dcm", modality: "Images" },
    { path: "Images/it's 100% & $HOME.txt", modality: "Images" },
    { path: "Images/empty.dcm", modality: "Images", empty: true },
    // Names that don't fit: no such day, no such time, no name of the right form.
    { path: "Waveforms/00123_20230229_101500_60.bin", modality: "Waveforms" },
    { path: "Waveforms/00123_20230105_256100_60.bin", modality: "Waveforms" },
    { path: "Waveforms/export of night [draft].bin", modality: "Waveforms" },
    { path: "notes.txt" },
  ],
  [
    { path: "Images/#1;semi,comma=+'quoted'.txt", modality: "Images" },
    { path: "Waveforms/%TEMP% & `id` $(id).bin", modality: "Waveforms" },
  ],
  [{ path: "Images/Röntgen Übersicht.txt", modality: "Images" }],
];

/** The odd files of a patient in a snapshot. */
export function* oddFiles(
  site: SiteSpecification,
  patient: Patient,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  for (const { path, modality, empty } of ODD_FILES[patient.index] ?? []) {
    const group: FileGroup = {
      key: `odd/${path}`,
      born: patient.born,
      gone: patient.gone,
      // What is empty can't change.
      fixed: empty ? () => "kept" : undefined,
    };
    const state = stateOf(site.seed, group, snapshot);
    if (state === undefined) continue;
    const text = empty
      ? ""
      : `${path}, revision ${String(state.revision).padStart(2, "0")}\n${
        state.enlarged ? "one line more\n" : ""
      }`;
    yield {
      path: `${patient.id}/${path}`,
      modality,
      person: patient.id,
      action: state.action,
      mtimeMs: state.mtimeMs,
      content: () => text === "" ? [] : [new TextEncoder().encode(text)],
    };
  }
}
