import assert from "node:assert/strict";
import type { JournalRow } from "../../src/journal/journal_row.ts";
import type { CentralLayout } from "../../src/layout/central_path.ts";
import { compilePattern } from "../../src/layout/pattern.ts";
import { centralKeyOf, type PlanRules, planTransfers } from "../../src/transfer/plan.ts";

function layout(modality: string, pattern: string, patientFirst = true): CentralLayout {
  return { modality, pattern: compilePattern(pattern), patientFirst };
}

const rules: PlanRules = {
  layouts: new Map([
    ["Images", layout("Images", "{patient_id:w}/Images/{filepath}")],
    ["OMOP", layout("OMOP", "OMOP/{filepath}")],
    ["Waveforms", layout("Waveforms", "{version}/{patient_id:d}/{filepath}", false)],
  ]),
  limits: { maxKeyBytes: 60, maxWriteBytes: 1000, maxObjectBytes: Infinity },
  multipart: { maxPartBytes: 1000, maxParts: 10 },
  conflicts: new Map(),
};

function row(modality: string, folder: string, name: string, more: Partial<JournalRow> = {}) {
  return {
    fileId: 1,
    personId: null,
    folder,
    name,
    modality,
    mtimeUs: 1,
    size: 5,
    md5: "0123456789abcdef0123456789abcdef",
    validUs: 1,
    invalidUs: null,
    uploaded: null,
    version: "v1",
    ...more,
  };
}

function refusal(planned: ReturnType<typeof planTransfers>[number] | undefined) {
  assert.equal(planned?.kind, "refused");
  assert.ok(planned.kind === "refused");
  return planned;
}

Deno.test("a row becomes a transfer to its central path", () => {
  const [planned] = planTransfers([row("Images", "7/images/ct", "a.dcm")], rules);
  assert.deepEqual(planned, {
    kind: "transfer",
    transfer: {
      fileId: 1,
      modality: "Images",
      version: "v1",
      folder: "7/images/ct",
      name: "a.dcm",
      path: "7/images/ct/a.dcm",
      centralKey: "v1/7/Images/ct/a.dcm",
      size: 5,
      md5: "0123456789abcdef0123456789abcdef",
    },
  });
});

Deno.test("a version in the path wins over the row's", () => {
  const waveforms = rules.layouts.get("Waveforms");
  assert.ok(waveforms);
  assert.equal(centralKeyOf("v7/0042/a/b.dat", "v1", waveforms), "v7/Waveforms/42/a/b.dat");
});

Deno.test("every row has one result, in the same order", () => {
  const rows = ["a", "b", "c"].map((name, i) => row("OMOP", "OMOP", name, { fileId: i + 1 }));
  const planned = planTransfers(rows, { ...rules, conflicts: new Map([[2, "conflict!"]]) });
  assert.deepEqual(planned.map(({ kind }) => kind), ["transfer", "refused", "transfer"]);
  assert.equal(refusal(planned[1]).reason, "conflict!");
});

Deno.test("a row that no longer matches its pattern is refused, the others go", () => {
  const planned = planTransfers(
    [row("Images", "7/Bilder", "a.dcm"), row("Images", "7/Images", "a.dcm")],
    rules,
  );
  assert.match(refusal(planned[0]).reason, /does not match the pattern/);
  assert.equal(planned[1]?.kind, "transfer");
});

Deno.test("names and sizes that the central store can't hold are refused before anything is sent", () => {
  const long = planTransfers([row("Images", "7/Images", "x".repeat(80))], rules);
  assert.match(refusal(long[0]).reason, /can't hold .*60 are allowed/);
  const odd = planTransfers([row("Images", "7/Images", "a\nb")], rules);
  assert.match(refusal(odd[0]).reason, /control character/);
  const dot = planTransfers([row("Images", "7/Images", "a.")], {
    ...rules,
    keyProblem: (key) => key.endsWith(".") ? "ends in a dot" : undefined,
  });
  assert.match(refusal(dot[0]).reason, /ends in a dot/);
  const large = planTransfers([row("Images", "7/Images", "a", { size: 10_001 })], rules);
  assert.match(refusal(large[0]).reason, /10001 bytes.*at most 10000/);
  assert.equal(
    planTransfers([row("Images", "7/Images", "a", { size: 10_000 })], rules)[0]?.kind,
    "transfer",
  );
  const { multipart: _, ...single } = rules;
  assert.match(
    refusal(planTransfers([row("Images", "7/Images", "a", { size: 1001 })], single)[0]).reason,
    /at most 1000/,
  );
});

Deno.test("a modality that the configuration does not name is refused", () => {
  const [planned] = planTransfers([row("Genomes", "7/Genomes", "a")], rules);
  assert.equal(refusal(planned).code, "config");
});

Deno.test("a path that is active twice in its version is refused, both rows of it", () => {
  const rows = [
    row("Images", "7/Images", "a", { fileId: 1 }),
    row("Images", "7/Images", "b", { fileId: 3 }),
  ];
  const asked: string[] = [];
  const planned = planTransfers(rows, {
    ...rules,
    activeRows: (version, modality, folder, names) => {
      asked.push(`${version} ${modality} ${folder} ${names.join()}`);
      return [{ fileId: 1, name: "a" }, { fileId: 2, name: "a" }, { fileId: 3, name: "b" }, {
        fileId: 9,
        name: "other",
      }];
    },
  });
  assert.deepEqual(asked, ["v1 Images 7/Images a,b"]);
  assert.match(refusal(planned[0]).reason, /active more than once/);
  assert.equal(planned[1]?.kind, "transfer");
});
