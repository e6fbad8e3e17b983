/** Images and waveforms of one patient. */

import { compactDate, compactTime, FIRST_VISIT_MS, HOUR, isoDateTime, SECOND } from "./calendar.ts";
import { dicomFile } from "./dicom.ts";
import { edfFile } from "./edf.ts";
import { type Fate, type FileGroup, type GroupState, stateOf } from "./file_history.ts";
import { isThere, type Patient, type Visit, visitsUntil } from "./people.ts";
import type { FileIdentity, PlannedFile, WaveformRecord } from "./planned_file.ts";
import { Random } from "./random.ts";
import type { Recording, SignalKind } from "./signal.ts";
import type { SiteSpecification } from "./site_options.ts";
import { oddFiles } from "./odd_files.ts";
import { wfdbAnnotations, wfdbHeader, wfdbSignals } from "./wfdb.ts";

/** Images have this many rows and columns, enlarged ones more. */
const EDGE = 32;
const ENLARGED_EDGE = 40;

/** The first patient's groups go through all that can happen, in turns. */
const IN_TURNS: readonly Fate[] = [
  "touched",
  "changed_same_size",
  "changed_size",
  "touched",
  "gone",
];

/** Every file of a patient that is there in a snapshot or gone since the one before. */
export function* patientFiles(
  site: SiteSpecification,
  patient: Patient,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  if (!isThere(patient, snapshot) && patient.gone !== snapshot) return;
  for (const visit of visitsUntil(site, patient, snapshot)) {
    yield* images(site, patient, visit, snapshot);
    yield* waveforms(site, patient, visit, snapshot);
  }
  if (patient.index === UNADMITTED_INDEX) yield* recordOutsideOfVisits(site, patient, snapshot);
  yield* oddFiles(site, patient, snapshot);
}

/** One patient has a record that was taken in none of the visits. */
const UNADMITTED_INDEX = 1;
const OUTSIDE_MS = FIRST_VISIT_MS - 10 * 24 * HOUR;

function* recordOutsideOfVisits(
  site: SiteSpecification,
  patient: Patient,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  const group: FileGroup = { key: "record outside", born: patient.born, gone: patient.gone };
  const state = stateOf(site.seed, group, snapshot);
  if (state === undefined) return;
  const plan: RecordPlan = { kind: "ecg", seconds: 10, rate: 125, annotated: false, folder: "" };
  yield* recordFiles(patient, null, plan, state, recordingOf(site, group, plan, OUTSIDE_MS, state));
}

function groupOf(
  patient: Patient,
  visit: Visit,
  kind: "image" | "record",
  ordinal: number,
): FileGroup {
  const turn = visit.ordinal * 3 + ordinal + (kind === "image" ? 1 : 0);
  return {
    key: `${patient.index}/${visit.ordinal}/${kind}/${ordinal}`,
    born: visit.born,
    gone: patient.gone,
    fixed: patient.index === 0
      ? (snapshot) => IN_TURNS[(turn + snapshot) % IN_TURNS.length]
      : undefined,
  };
}

function planned(
  identity: FileIdentity,
  { action, mtimeMs }: GroupState,
  content: () => Iterable<Uint8Array>,
): PlannedFile {
  return { ...identity, action, mtimeMs, content };
}

function* images(
  site: SiteSpecification,
  patient: Patient,
  visit: Visit,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  const study = new Random(site.seed, "study", visit.id);
  const modality = study.pick(["CT", "DX", "MR"] as const);
  const studyUid = study.uid();
  const seriesUid = study.uid();
  const count = study.between(...site.images);
  const folder = `${patient.id}/Images/${modality.toLowerCase()}_${
    compactDate(visit.startMs)
  }_${visit.id}`;
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const group = groupOf(patient, visit, "image", ordinal);
    const state = stateOf(site.seed, group, snapshot);
    if (state === undefined) continue;
    const path = `${folder}/${String(ordinal + 1).padStart(4, "0")}.dcm`;
    yield planned({ path, modality: "Images", person: patient.id }, state, () => [
      dicomFile({
        modality,
        patientId: patient.id,
        studyUid,
        seriesUid,
        instanceUid: new Random(site.seed, "instance", group.key).uid(),
        dateMs: visit.startMs,
        instanceNumber: ordinal + 1,
        edge: state.enlarged ? ENLARGED_EDGE : EDGE,
        pixels: new Random(site.seed, "pixels", group.key, state.revision),
      }),
    ]);
  }
}

function* waveforms(
  site: SiteSpecification,
  patient: Patient,
  visit: Visit,
  snapshot: number,
): Generator<PlannedFile, void, undefined> {
  const device = new Random(site.seed, "device", visit.id);
  const count = device.between(...site.records);
  // Each record starts in its own part of the visit, and ends before the visit does.
  const part = Math.floor((visit.endMs - visit.startMs - 2 * HOUR) / count / SECOND);
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const startMs = visit.startMs + (ordinal * part + device.below(part)) * SECOND;
    const long = patient.index === 0 && visit.ordinal === 0 && ordinal === 0;
    const group = groupOf(patient, visit, "record", ordinal);
    const plan = recordPlan(device, patient.id, long ? site.longSeconds : undefined);
    const state = stateOf(site.seed, group, snapshot);
    if (state === undefined) continue;
    const recording = recordingOf(site, group, plan, startMs, state);
    yield* recordFiles(patient, visit.id, plan, state, recording);
  }
}

function recordingOf(
  { seed }: SiteSpecification,
  { key }: FileGroup,
  { kind, seconds, rate }: RecordPlan,
  startMs: number,
  { enlarged, revision }: GroupState,
): Recording {
  return { kind, key: `${seed}/${key}`, startMs, seconds, rate, enlarged, revision };
}

/** How a record is taken and stored. */
interface RecordPlan {
  kind: SignalKind;
  seconds: number;
  rate: number;
  annotated: boolean;
  /** Below the patient's waveform folder, with a slash at its end; may be empty. */
  folder: string;
}

function recordPlan(device: Random, id: string, longSeconds: number | undefined): RecordPlan {
  const folder = device.pick(["", "", "night/", "icu/bed_03/"]);
  const lot = device.below(100);
  const annotated = device.chance(50);
  const minutes = device.between(10, 60);
  if (longSeconds !== undefined) {
    return { kind: "ecg", seconds: longSeconds, rate: 250, annotated: true, folder: "holter/" };
  }
  // A WFDB header is ASCII and names its signal file, which names the person.
  if (lot < 30 || !/^\w+$/.test(id)) {
    return { kind: "eeg", seconds: minutes, rate: 32, annotated: false, folder };
  }
  if (lot < 65) return { kind: "ecg", seconds: 10, rate: 125, annotated, folder };
  return { kind: "vitals", seconds: minutes * 60, rate: 0.25, annotated: false, folder };
}

function* recordFiles(
  patient: Patient,
  visit: number | null,
  plan: RecordPlan,
  state: GroupState,
  recording: Recording,
): Generator<PlannedFile, void, undefined> {
  const { startMs, seconds } = recording;
  const name = `${patient.id}_${compactDate(startMs)}_${compactTime(startMs)}_${seconds}`;
  const record: WaveformRecord = { name, visit, start: isoDateTime(startMs), seconds };
  const file = (extension: string, content: () => Iterable<Uint8Array>) =>
    planned(
      {
        path: `${patient.id}/Waveforms/${plan.folder}${name}.${extension}`,
        modality: "Waveforms",
        person: patient.id,
        record,
      },
      state,
      content,
    );
  if (recording.kind === "eeg") {
    yield file("edf", () => edfFile(recording, String(patient.personId)));
    return;
  }
  if (plan.annotated) yield file("atr", () => [wfdbAnnotations(recording)]);
  yield file("dat", () => wfdbSignals(recording));
  yield file("hea", () => [wfdbHeader(name, recording)]);
}
