import type { Config } from "../config/config.ts";
import type { CentralLayout } from "../layout/central_path.ts";
import { compilePattern } from "../layout/pattern.ts";

/** How the files of each configured modality are laid out in the central store. */
export function centralLayouts(config: Config): ReadonlyMap<string, CentralLayout> {
  return new Map(config.sites.map((site) => [site.modality, {
    modality: site.modality,
    pattern: compilePattern(site.pattern),
    patientFirst: config.central.patientFirst,
  }]));
}
