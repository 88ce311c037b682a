import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

type Entry = { readonly digest: string; readonly mediaType: string }
type Document = { readonly manifests?: readonly Entry[]; readonly config?: Entry; readonly layers?: readonly Entry[] }

/** What a repository holds before a push is measured: put there without any of the programs that are measured. */
export async function seed(layout: string, repository: string, tags: readonly string[]): Promise<void> {
  const index: Document = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
  for (const root of index.manifests ?? []) {
    await putGraph(layout, repository, root)
    for (const tag of tags) await putManifest(layout, repository, { ...root, name: tag })
  }
}

async function putGraph(layout: string, repository: string, entry: Entry): Promise<void> {
  const document: Document = JSON.parse((await contentOf(layout, entry)).toString())
  for (const child of document.manifests ?? []) await putGraph(layout, repository, child)
  for (const blob of [...(document.config === undefined ? [] : [document.config]), ...(document.layers ?? [])])
    await putBlob(layout, repository, blob)
  await putManifest(layout, repository, { ...entry, name: entry.digest })
}

async function putBlob(layout: string, repository: string, blob: Entry): Promise<void> {
  const begun = await expectStatus(await fetch(apiOf(repository, 'blobs/uploads/'), { method: 'POST' }), 202)
  const location = new URL(begun.headers.get('location') ?? '', apiOf(repository, ''))
  location.searchParams.set('digest', blob.digest)
  await expectStatus(await fetch(location, { method: 'PUT', body: await contentOf(layout, blob) }), 201)
}

async function putManifest(layout: string, repository: string, entry: Entry & { name: string }): Promise<void> {
  const body = await contentOf(layout, entry)
  const headers = { 'content-type': entry.mediaType }
  const url = apiOf(repository, `manifests/${entry.name}`)
  await expectStatus(await fetch(url, { method: 'PUT', headers, body }), 201)
}

async function expectStatus(answer: Response, status: number): Promise<Response> {
  const text = await answer.text()
  if (answer.status !== status) throw new Error(`could not seed ${answer.url}: ${answer.status} ${text}`)
  return answer
}

/** `127.0.0.1:5000/bench/1` to `http://127.0.0.1:5000/v2/bench/1/…`. */
function apiOf(repository: string, path: string): string {
  const slash = repository.indexOf('/')
  return `http://${repository.slice(0, slash)}/v2/${repository.slice(slash + 1)}/${path}`
}

function contentOf(layout: string, { digest }: Entry): Promise<Buffer<ArrayBuffer>> {
  return readFile(join(layout, 'blobs', ...digest.split(':')))
}
