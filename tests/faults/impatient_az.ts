/** The Azure driver with time limits short enough for tests of what never answers. */

import { openAzure } from "../../drivers/az/open_azure.ts";
import type { Driver, DriverOptions } from "../../src/storage/driver.ts";

export default function open(options: DriverOptions): Promise<Driver> {
  return openAzure(options, { limits: { connectMs: 10_000, idleMs: 1_500, answerMs: 1_500 } });
}
