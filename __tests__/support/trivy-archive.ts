import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

/** One entry of an archive: a file with this content, or something that a file should not be. */
export type Entry =
  | { readonly name: string; readonly content: string | Uint8Array }
  | { readonly name: string; readonly type: 'symlink' | 'link' | 'directory'; readonly linkname?: string }

/** A release archive as Trivy's makers pack it, with this program in it. */
export function releaseArchive(program: string | Uint8Array): Promise<Buffer> {
  return archiveOf([
    { name: 'LICENSE', content: 'Apache' },
    { name: 'contrib/html.tpl', content: '<html>' },
    { name: 'trivy', content: program },
  ])
}

/** A tar.gz with these entries, whatever they are. */
export async function archiveOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  for (const entry of entries) {
    if ('content' in entry) tar.entry({ name: entry.name, mode: 0o755 }, Buffer.from(entry.content))
    else
      tar.entry({
        name: entry.name,
        type: entry.type,
        ...(entry.linkname === undefined ? {} : { linkname: entry.linkname }),
      })
  }
  tar.finalize()
  return gzipSync(await buffer(tar), { level: 1 })
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
