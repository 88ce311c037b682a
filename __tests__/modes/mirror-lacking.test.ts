import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readMirrorInputs } from '../../src/action/mirror-inputs.ts'
import type { MirrorReport } from '../../src/report/mirror-report.ts'
import { mirrorSummaryOf } from '../../src/report/mirror-summary.ts'
import { runMirror } from '../../src/run.ts'
import { environment, folderWith, withInputs } from '../action/given.ts'
import { openClient } from '../support/client.ts'
import { digestOf } from '../support/registry/blob.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { mirrorEdges } from './mirror-edges.ts'

const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z"}')

describe('bases that the mirror lacks', () => {
  test('are listed with their place, and told in one notice', async () => {
    const { from, to, run } = await registries('1.0', '2.0')
    const { report, notices } = await run(`${from.host}/lib/node:1.0 => ${to.host}/hub/lib/node`, {
      Dockerfile: `FROM ${from.host}/lib/node:1.0 AS build\nFROM ${from.host}/lib/node:2.0\n`,
      'services/api/web.Dockerfile': `FROM scratch\nFROM ${from.host}/lib/alpine\n`,
      'Dockerfile.dev': `FROM ${from.host}/lib/node:2.0\n`,
    })
    expect(report.failure).toBeUndefined()
    expect(report.lacking).toEqual([
      { image: `${from.host}/lib/node:2.0`, file: 'Dockerfile', line: 2 },
      { image: `${from.host}/lib/alpine`, file: 'services/api/web.Dockerfile', line: 2 },
    ])
    expect(notices).toEqual([
      `2 bases of Dockerfiles not in the mirror: ${from.host}/lib/node:2.0 (Dockerfile, line 2), ` +
        `${from.host}/lib/alpine (services/api/web.Dockerfile, line 2)`,
    ])
    const summary = mirrorSummaryOf(report)
    expect(summary).toContain('<details><summary>2 bases of Dockerfiles not in the mirror</summary>')
    expect(summary).toContain(`| \`${from.host}/lib/alpine\` | services/api/web.Dockerfile, line 2 |`)
  })

  test('are found with `check` too, before anything is in the mirror', async () => {
    const { from, to, run } = await registries('1.0')
    const files = { Dockerfile: `FROM ${from.host}/lib/node:1.0\nFROM ${from.host}/lib/node:3\n` }
    const { report } = await run(`${from.host}/lib/node:1.0 => ${to.host}/node`, files, { check: 'true' })
    expect(report.result).toBe('drift')
    expect(report.lacking).toEqual([{ image: `${from.host}/lib/node:3`, file: 'Dockerfile', line: 2 }])
    expect(to.writes()).toEqual([])
  })

  test('are none of other registries, of the mirror itself, or of lists that failed', async () => {
    const { from, to, run } = await registries('1.0')
    const lines = [`${from.host}/lib/node:1.0 => ${to.host}/node`, `${from.host}/lib/gone => ${to.host}/gone; tags=*`]
    const { report, notices } = await run(lines.join('\n'), {
      Dockerfile: `FROM alpine\nFROM ${to.host}/node:9\nFROM ${from.host}/lib/gone:1\nFROM ${from.host}/lib/node:1.0\n`,
    })
    expect(report.failure?.code).toBe('PARTLY_COPIED')
    expect(report.lacking).toEqual([])
    expect(notices).toEqual([])
  })

  test('that are pinned count as there when the target has that digest, with or without a name', async () => {
    const { from, to, run, digests } = await registries('1.0', '2.0')
    const pinned = (digest: string | undefined) => `FROM ${from.host}/lib/node:1.0@${digest}\n`
    const line = `${from.host}/lib/node:1.0 => ${to.host}/node`
    const { report } = await run(line, { Dockerfile: pinned(digests[0]), 'two.Dockerfile': pinned(digests[1]) })
    expect(report.lacking).toEqual([
      { image: `${from.host}/lib/node:1.0@${digests[1]}`, file: 'two.Dockerfile', line: 1 },
    ])
    expect(to.requests.filter(({ reference }) => reference === digests[1]).map(({ method }) => method)).toEqual([
      'HEAD',
    ])
  })

  test('are not looked for in .git, node_modules, behind links and in what is no Dockerfile', async () => {
    const { from, to, run } = await registries('1.0')
    const text = `FROM ${from.host}/lib/node:2.0\n`
    const outside = folderWith({ Dockerfile: text })
    const workspace = folderWith({
      '.git/Dockerfile': text,
      'app/node_modules/x/Dockerfile': text,
      'docs/about-Dockerfile': text,
      'Dockerfile.md/notes': text,
      'large.Dockerfile': `${text}#${' '.repeat(65_536)}`,
    })
    await symlink(outside, join(workspace, 'linked'))
    await symlink(join(outside, 'Dockerfile'), join(workspace, 'Dockerfile'))
    expect((await run(`${from.host}/lib/node:1.0 => ${to.host}/node`, workspace)).report.lacking).toEqual([])
  })

  test('that nobody can ask about are not called lacking, and fail nothing', async () => {
    const { from, to, run, digests } = await registries('1.0', '2.0')
    to.fail({ step: 'manifest-head', reference: digests[1] ?? '', effect: { kind: 'answer', status: 500 } })
    const files = { Dockerfile: `FROM ${from.host}/lib/node@${digests[1]}\nFROM ${from.host}/lib/node:3\n` }
    const { report } = await run(`${from.host}/lib/node:1.0 => ${to.host}/node`, files)
    expect(report.failure).toBeUndefined()
    expect(report.lacking).toEqual([{ image: `${from.host}/lib/node:3`, file: 'Dockerfile', line: 2 }])
  })

  test('are not looked for when nothing is mirrored', async () => {
    const { from, to, run } = await registries('1.0')
    const files = { Dockerfile: `FROM ${from.host}/lib/node:3\n` }
    const { report } = await run(`${from.host}/lib/none => ${to.host}/none; tags=*`, files)
    expect(report.failure?.code).toBe('NOTHING_MATCHED')
    expect(report.lacking).toEqual([])
  })
})

async function registries(...tags: readonly string[]) {
  const [from, to] = await Promise.all([startRegistry(), startRegistry()])
  const client = openClient({ retries: 0 })
  onTestFinished(async () => {
    await Promise.all([from.stop(), to.stop(), client.close()])
  })
  const digests = tags.map((tag) => put(from, tag))

  async function run(
    images: string,
    files: Readonly<Record<string, string>> | string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<{ report: MirrorReport; notices: readonly string[] }> {
    const around = environment({ workspace: typeof files === 'string' ? files : folderWith(files) })
    const { request } = await readMirrorInputs(withInputs({ images, ...more }), around)
    const notices: string[] = []
    const { report } = await runMirror(request, around, mirrorEdges(client, notices))
    return { report, notices }
  }
  return { from, to, run, digests }
}

function put(from: InProcessRegistry, tag: string): string {
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf([CONFIG]), size: CONFIG.length },
    layers: [],
    annotations: { tag },
  }
  return from.put('lib/node', { manifest, blobs: [CONFIG], tag })
}
