import type { Edge } from "./edge.ts";
import { leaf, type Outcome } from "./leaf.ts";
import type { Command } from "@commander-js/extra-typings";

const USAGE = `chorus-upload: from a folder of clinical files to a verified submission

First time
  chorus-upload config init                      answer a few questions
  chorus-upload config-help                      what every key means

A submission, step by step (each can be repeated; each says what comes next)
  chorus-upload -c config.toml journal checkout  take the journal, lock it
  chorus-upload -c config.toml journal update    find what is new and changed
  chorus-upload -c config.toml file list         what would be sent
  chorus-upload -c config.toml file upload       send it, prove it, mark it
  chorus-upload -c config.toml file verify       compare the store with it
  chorus-upload -c config.toml journal checkin   give the journal back

Choosing
  journal update --version 20261122090000        name the submission version
  journal update --amend                         add to the newest version
  journal update --modalities OMOP,Images        only these
  journal update --dry-run                       look, change nothing
  file upload --max-num-files 1000               a first portion
  file upload --max-rate 50M                     leave room on the line
  file upload --receipts sent.ndjson             one line per file, for the record
  file verify --deep --sample 1%                 download and hash one in a hundred
  file verify --deep --resume                    go on proving where it stopped

Overnight
  nohup chorus-upload -c config.toml file upload > upload.log 2>&1 &

Waveforms
  manifest generate --sessions visits            the registry of waveform records
  manifest list --person 00123                   one person's records

Looking (needs no check-out, changes nothing)
  journal status     who holds the journal, what is still to be sent
  journal list       versions, files, what is uploaded
  history            every command that changed the journal

When something went wrong
  Run the same command again: it goes on where it stopped.
  journal unlock     a lock left behind by a machine that is gone
  --verbose          more about an error
`;

/** `usage`: the runbook and the ways to vary it. */
export function usageCommand(edge: Edge, _outcome: Outcome): Command {
  return leaf("usage", "the runbook with examples", ["usage"])
    .action(() => edge.terminal.out(USAGE)) as unknown as Command;
}
