import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { planSnapshot } from "../../testdata/site/plan_snapshot.ts";
import type { PlannedFile } from "../../testdata/site/planned_file.ts";
import { specify } from "../../testdata/site/site_options.ts";
import { checkEdf, checkWfdbSignals, readDicom, readWfdbHeader } from "./file_readers.ts";
import { generated, TemporaryFolder } from "./generated.ts";

const SITE = specify({ seed: "formats", patients: 12, snapshots: 3 });

/** Files of all snapshots that are there and have an extension. */
function files(extension: string): PlannedFile[] {
  return [1, 2, 3].flatMap((snapshot) => [...planSnapshot(SITE, snapshot)])
    .filter(({ path, action }) => action !== "gone" && path.endsWith(`.${extension}`));
}

function bytesOf(file: PlannedFile): Uint8Array {
  // A piece is valid until the next one only.
  const pieces = [];
  for (const piece of file.content()) pieces.push(piece.slice());
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

function textOf(file: PlannedFile): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(file));
}

/** Lines of a CSV file as records; fields may be quoted and hold line feeds. */
function rowsOf(text: string): Record<string, string>[] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,"\n]*))(,|\n)/g)) {
    lines[lines.length - 1].push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\n") lines.push([]);
  }
  assert.deepEqual(lines.pop(), []);
  const [columns, ...rows] = lines;
  return rows.map((row) => {
    assert.equal(row.length, columns.length, row.join());
    return Object.fromEntries(columns.map((column, index) => [column, row[index]]));
  });
}

Deno.test("WFDB headers describe their signal files: channels, samples, first values, sums", () => {
  const headers = files("hea");
  const signals = files("dat");
  assert.ok(headers.length > 30);
  assert.equal(headers.length, signals.length);
  headers.forEach((file, index) => {
    const header = readWfdbHeader(textOf(file));
    assert.equal(file.record?.name, header.record, file.path);
    assert.equal(header.samples, (file.record?.seconds ?? 0) * header.rate);
    const [day, month, year, time] = header.start.split(/[/ ]/);
    assert.equal(`${year}-${month}-${day} ${time}`, file.record?.start);
    for (const channel of header.channels) {
      assert.equal(channel.file, `${header.record}.dat`);
      assert.equal(channel.format, "16");
    }
    assert.equal(signals[index].path, file.path.replace(/hea$/, "dat"));
    checkWfdbSignals(bytesOf(signals[index]), header);
  });
});

Deno.test("EDF files are as long as their headers say", () => {
  const recordings = files("edf");
  assert.ok(recordings.length > 15);
  for (const file of recordings) checkEdf(bytesOf(file), file.record?.seconds ?? 0);
});

Deno.test("images have the DICOM preamble, elements in order, and as many pixels as they say", () => {
  const images = files("dcm").filter(({ path }) => /\d\.dcm$/.test(path));
  assert.ok(images.length > 60);
  const instances = new Set<string>();
  for (const file of images) {
    const elements = readDicom(bytesOf(file));
    assert.equal(elements.get("0002,0010"), "1.2.840.10008.1.2.1");
    assert.equal(elements.get("0010,0020"), file.person);
    assert.equal(elements.get("0002,0003"), elements.get("0008,0018"));
    const [rows, columns] = [elements.get("0028,0010"), elements.get("0028,0011")];
    assert.equal(elements.get("7fe0,0010"), Number(rows) * Number(columns) * 2);
    instances.add(String(elements.get("0008,0018")));
  }
  assert.equal(instances.size, new Set(images.map(({ path }) => path)).size);
});

Deno.test("waveform names are person, date, time, length; persons have several records, records several files", () => {
  const records = new Map<string, Set<string>>();
  const filesOf = new Map<string, Set<string>>();
  let unfitting = 0;
  for (const extension of ["hea", "dat", "atr", "edf", "bin"]) {
    for (const { path, person, record } of files(extension)) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (record === undefined) {
        unfitting++;
        continue;
      }
      const match = /^(.+)_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_(\d+)\.\w+$/.exec(name);
      assert.ok(match, name);
      const [, id, year, month, day, hour, minute, second, seconds] = match;
      assert.equal(id, person);
      assert.equal(record.start, `${year}-${month}-${day} ${hour}:${minute}:${second}`);
      assert.equal(record.seconds, Number(seconds));
      assert.ok(path.startsWith(`${person}/Waveforms/`));
      records.set(id, (records.get(id) ?? new Set()).add(record.name));
      filesOf.set(record.name, (filesOf.get(record.name) ?? new Set()).add(name));
    }
  }
  assert.ok(unfitting >= 4);
  for (const id of ["00123", "p_01", "José_4", "7", "患者_05"]) assert.ok(records.has(id), id);
  assert.ok([...records.values()].filter(({ size }) => size > 1).length > 8);
  assert.ok([...filesOf.values()].some(({ size }) => size === 3));
});

Deno.test("the OMOP tables agree about persons and visits, and every record lies in its visit", () => {
  for (const snapshot of [1, 2, 3]) {
    const planned = [...planSnapshot(SITE, snapshot)].filter(({ action }) => action !== "gone");
    const table = (name: string) => {
      const file = planned.find(({ path }) => path === `OMOP/${name}.csv`);
      return file === undefined ? undefined : rowsOf(textOf(file));
    };
    const persons = table("person") ?? [];
    const visits = new Map(
      (table("visit_occurrence") ?? []).map((row) => [row.visit_occurrence_id, row]),
    );
    const ids = new Set(persons.map((row) => row.person_id));
    assert.equal(ids.size, persons.length);
    const bySource = new Map(persons.map((row) => [row.person_source_value, row.person_id]));
    for (const name of ["condition_occurrence", "drug_exposure", "measurement", "observation"]) {
      const rows = table(name) ?? [];
      assert.ok(rows.length >= visits.size, name);
      assert.equal(new Set(rows.map((row) => row[`${name}_id`])).size, rows.length, name);
      for (const row of rows) {
        assert.equal(row.person_id, visits.get(row.visit_occurrence_id)?.person_id, name);
        assert.ok(ids.has(row.person_id), name);
      }
    }
    assert.equal(table("note") === undefined, snapshot === 1);
    assert.deepEqual(
      new Set(planned.flatMap(({ person }) => person ?? [])),
      new Set(bySource.keys()),
    );
    for (const { path, person, record } of planned) {
      if (record === undefined || record.visit === null) continue;
      const visit = visits.get(String(record.visit));
      assert.ok(visit, path);
      assert.equal(visit.person_id, bySource.get(person ?? ""), path);
      const end = new Date(`${record.start.replace(" ", "T")}Z`).getTime() + record.seconds * 1000;
      assert.ok(visit.visit_start_datetime <= record.start, path);
      assert.ok(end <= new Date(`${visit.visit_end_datetime.replace(" ", "T")}Z`).getTime(), path);
    }
    assert.ok(planned.some(({ record }) => record?.visit === null) || snapshot > 1);
  }
});

Deno.test("the mapping file names every waveform record of its snapshot", () => {
  for (const snapshot of [1, 2, 3]) {
    const planned = [...planSnapshot(SITE, snapshot)].filter(({ action }) => action !== "gone");
    const file = planned.find(({ path }) => path === "Metadata/waveform_records.csv");
    assert.ok(file);
    assert.deepEqual(
      rowsOf(textOf(file)),
      planned.flatMap(({ path, person = "", record }) =>
        record === undefined ? [] : [{
          file: path,
          person,
          session: record.visit === null ? "" : String(record.visit),
          record: record.name,
          start: record.start,
        }]
      ),
    );
  }
});

Deno.test("there are odd names, an empty file and files of no modality", () => {
  const paths = [...planSnapshot(SITE, 1)];
  for (const character of [" ", "'", "$", "%", "&", "(", ";", "`", "#", "ö"]) {
    assert.ok(paths.some(({ path }) => path.includes(character)), character);
  }
  assert.ok(paths.some((file) => bytesOf(file).length === 0));
  assert.equal(paths.filter(({ modality }) => modality === undefined).length, 2);
  // What Windows can't hold would make the site another one there.
  for (const { path } of paths) assert.doesNotMatch(path, /[<>:"\\|?*\p{Cc}]|[ .](\/|$)/u);
});

/** A Python that has both public readers, or undefined. */
async function pythonWithReaders(): Promise<string | undefined> {
  for (const python of [Deno.env.get("CHORUS_TEST_PYTHON"), "python3"]) {
    if (python === undefined) continue;
    const tried = await new Deno.Command(python, {
      args: ["-c", "import wfdb, pyedflib"],
      stdout: "null",
      stderr: "null",
    }).output().catch(() => undefined);
    if (tried?.success) return python;
  }
  return undefined;
}

const PYTHON = await pythonWithReaders();
const NOTE = PYTHON === undefined
  ? " (skipped: no python3 with wfdb and pyedflib; CHORUS_TEST_PYTHON may name one)"
  : "";

Deno.test({
  name: `wfdb and pyedflib open every record${NOTE}`,
  ignore: PYTHON === undefined,
  async fn() {
    await using folder = new TemporaryFolder();
    const entries = await generated(folder, { seed: "public" });
    for (const snapshot of [1, 2]) {
      const { code, stdout, stderr } = await new Deno.Command(PYTHON ?? "", {
        args: [
          fileURLToPath(new URL("./public_readers.py", import.meta.url)),
          folder.at("out", `snapshot_${snapshot}`),
        ],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const counts = JSON.parse(new TextDecoder().decode(stdout));
      const count = (extension: string) =>
        entries.filter((each) =>
          each.snapshot === snapshot && each.action !== "gone" && each.record !== undefined &&
          each.path.endsWith(`.${extension}`)
        ).length;
      assert.deepEqual([counts.wfdb, counts.annotations, counts.edf], [
        count("hea"),
        count("atr"),
        count("edf"),
      ]);
    }
  },
});
