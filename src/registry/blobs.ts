import type { Readable } from 'node:stream'
import type { Arrival, Elsewhere } from '../content/store.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { hasBlob, remember } from './known-blobs.ts'
import { borrow, type Loan, lendersFor } from './lenders.ts'
import { type Mounted, mountFromSibling, mountFromStranger, mountItself } from './mount.ts'
import { cancelSession } from './session.ts'
import { looksNew, type Site } from './site.ts'
import type { Blob } from './transfer.ts'
import { type Begun, uploadBlob } from './upload.ts'

/** Brings a blob there: from a repository of the registry that has it, else from here. */
export async function pushBlob(
  site: Site,
  descriptor: Descriptor,
  open: () => Promise<Readable>,
  elsewhere?: Elsewhere,
): Promise<Arrival> {
  const blob = { descriptor, open }
  const sibling = site.connection.known.get(descriptor.digest)
  if (sibling !== undefined && (await sibling.there)) {
    // Another image of this repository has it, or has just brought it.
    if (sibling.path === site.path) return 'present'
    return uploadBlob(site, blob, async () => mounted(await mountFromSibling(site, descriptor, sibling.path)))
  }
  const uploading = bring(site, blob, elsewhere)
  const there = uploading.then(() => true).catch(() => false)
  // Nothing is awaited between the first look and this line, so only one of two siblings uploads.
  remember(site, descriptor, there)
  return uploading
}

function bring(site: Site, blob: Blob, elsewhere: Elsewhere | undefined): Promise<Arrival> {
  const lenders = elsewhere === undefined ? [] : lendersFor(site, elsewhere.mountFrom)
  const { descriptor } = blob
  if (looksNew(site)) {
    if (lenders.length > 0) return bringOnto(site, blob, { liesOn: elsewhere?.liesOn, lenders })
    return uploadBlob(site, blob, async () => found(await mountItself(site, descriptor)))
  }
  if (lenders.length === 0) return uploadBlob(site, blob)
  // It is known not to be here, so a lender that does not have it either costs nothing: its answer is the session.
  return uploadBlob(site, blob, async () => mounted((await ask(site, blob, lenders)).answer))
}

type Pile = { readonly liesOn: Digest | undefined; readonly lenders: readonly string[] }

/**
 * Brings a layer to a repository that looks new. The request that begins an upload can look in one repository only: in
 * this one, for what an earlier run has left (and where only tags like `1.4.2` are written, that is most of an image), or
 * in a lender. The layers of a base lie at the bottom. So a layer is asked for at a lender when that had all below it,
 * one after the other; from the first one on that it does not have, this repository is asked. That costs a round trip
 * for each layer of the base, and no request.
 */
async function bringOnto(site: Site, blob: Blob, { liesOn, lenders }: Pile): Promise<Arrival> {
  const { lendersAbove } = site.learnt
  const above = Promise.withResolvers<readonly string[]>()
  // Noted before anything is awaited: the layer above is pushed right after this one, and looks it up.
  const below = liesOn === undefined ? lenders : lendersAbove.get(liesOn)
  lendersAbove.set(blob.descriptor.digest, above.promise)
  try {
    const candidates = (await below) ?? []
    return await uploadBlob(site, blob, async () => {
      const loan = await ask(site, blob, candidates)
      above.resolve(leftAbove(loan, candidates))
      return loan.answer === undefined
        ? found(await mountItself(site, blob.descriptor))
        : lookFirst(site, blob, loan.answer)
    })
  } finally {
    above.resolve([])
  }
}

/** Who lent one layer may have the next one. Who did not have it is at its end, or was the wrong one from the start. */
function leftAbove({ from, answer }: Loan, candidates: readonly string[]): readonly string[] {
  if (from === undefined) return []
  return answer === 'there' ? [from] : candidates.filter((candidate) => candidate !== from)
}

function ask(site: Site, { descriptor }: Blob, candidates: readonly string[]): Promise<Loan> {
  return borrow(site.learnt.lenders, candidates, !looksNew(site), (from) => mountFromStranger(site, descriptor, from))
}

/**
 * The lowest layer above a base is the one that changes least, so it may well be here. The look for it is paid by a
 * request that a mount has saved; without one, no look: a first push takes no more requests for its bases.
 */
async function lookFirst(site: Site, { descriptor }: Blob, answer: 'there' | URL): Promise<Begun> {
  const { learnt } = site
  if (answer === 'there') learnt.saved += 1
  if (answer === 'there' || learnt.saved === 0) return mounted(answer)
  learnt.saved -= 1
  if (!(await hasBlob(site, descriptor).catch(() => false))) return answer
  await cancelSession(site, answer)
  return 'present'
}

function mounted(answer: Mounted): Begun {
  return answer === 'there' ? 'mounted' : answer
}

function found(answer: Mounted): Begun {
  return answer === 'there' ? 'present' : answer
}
