/** The configuration as it may be shown or logged, and what a log must never hold. */

import { isSecretName } from "./auth.ts";
import type { Auth, Config, Place } from "./config.ts";
import { maskText } from "./shown_value.ts";

/** What stands in the place of a secret. */
const HIDDEN = "***";

/** Shorter texts can't be told from ordinary ones, so that a log would lose those too. */
const SHORTEST = 4;

/** The same configuration without secrets. */
export function redactedConfig(config: Config): Config {
  return {
    ...config,
    journal: {
      ...config.journal,
      source: redactedPlace(config.journal.source),
    },
    central: { ...config.central, ...redactedPlace(config.central) },
    sites: config.sites.map((site) => ({ ...site, ...redactedPlace(site) })),
    drivers: Object.fromEntries(
      Object.entries(config.drivers).map(([scheme, driver]) => [
        scheme,
        { ...driver, url: maskText(driver.url) },
      ]),
    ),
  };
}

/**
 * Every text that must not be printed or logged: secret values, the keys and
 * signatures inside them, passwords in paths, and all of these as they look in a
 * URL. Longest first, so that one inside another is replaced after it.
 */
export function secretsOf(config: Config): string[] {
  const found = new Set<string>();
  const add = (text: string) => {
    for (const form of [text, encoded(text), decoded(text)]) {
      if (form.length >= SHORTEST) found.add(form);
    }
  };
  for (const { path, auth } of placesOf(config)) {
    for (const part of secretParts(path)) add(part);
    for (const [name, value] of Object.entries(auth)) {
      if (isSecretName(name)) add(value);
      for (const part of secretParts(value)) add(part);
    }
  }
  for (const { url } of Object.values(config.drivers)) {
    for (const part of secretParts(url)) add(part);
  }
  return [...found].sort((left, right) => right.length - left.length);
}

function placesOf(config: Config): readonly Place[] {
  return [config.journal.source, config.central, ...config.sites];
}

function redactedPlace(place: Place): Place {
  const auth: Auth = Object.fromEntries(
    Object.entries(place.auth).map((
      [name, value],
    ) => [name, isSecretName(name) ? HIDDEN : maskText(value)]),
  );
  return { path: maskText(place.path), auth };
}

/** The signature of a SAS, key and SAS of a connection string, the password of a URL. */
function secretParts(value: string): string[] {
  return [
    /:\/\/[^/?#@:]*:([^/?#@]+)@/,
    /(?:^|[?&])sig=([^&;]+)/i,
    /(?:^|;)\s*AccountKey=([^;]+)/i,
    /(?:^|;)\s*SharedAccessSignature=([^;]+)/i,
  ].flatMap((expression) => expression.exec(value)?.[1] ?? []);
}

/** The text as a URL writes it; itself where it can't be written so. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : text;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
