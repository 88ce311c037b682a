/** Pauses before the next look, in milliseconds. */
const PAUSES_MS = [250, 750, 2000]

/**
 * What a look finds, taken again for a moment while it is not what was just written: registries show late what they were
 * given, tags (NVIDIA/NVSentinel#228) and blobs (openshift/image-registry#220). The last look stands, right or wrong.
 */
export async function lookAgain<Found>(
  look: () => Promise<Found>,
  isRight: (found: Found) => boolean,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<Found> {
  let found = await look()
  for (const pause of PAUSES_MS) {
    if (isRight(found)) return found
    await sleep(pause)
    found = await look()
  }
  return found
}
