/** One shape for "stopped", whatever the signal was aborted with. */

import { ChorusError, isCancellation } from "../errors/chorus_error.ts";

/** The signal's reason if it is a cancellation, else a {@linkcode ChorusError} around it. */
export function cancellationOf(signal: AbortSignal): unknown {
  return isCancellation(signal.reason)
    ? signal.reason
    : new ChorusError("cancelled", "Stopped", { cause: signal.reason });
}
