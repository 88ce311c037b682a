import { expect, onTestFinished, test } from 'vitest'
import { readMirrorInputs } from '../../src/action/mirror-inputs.ts'
import { runMirror } from '../../src/run.ts'
import { environment, withInputs } from '../action/given.ts'
import { openClient } from '../support/client.ts'
import { digestOf } from '../support/registry/blob.ts'
import { startRegistry } from '../support/registry/server.ts'
import { mirrorEdges } from './mirror-edges.ts'

const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux"}')

test.each([
  ['true', 'drift', ['repository:node:pull']],
  ['false', 'mirrored', ['repository:node:pull,push']],
])(
  'with `check: %s` a token for the target is asked for with no more rights than it needs',
  async (check, result, scopes) => {
    const from = await startRegistry()
    const users = { robot: { password: 'a password of the tests' } }
    const to = await startRegistry({ auth: { kind: 'token', users } })
    const login = {
      registry: to.host,
      prefix: '',
      username: 'robot',
      password: users.robot.password,
      use: 'both',
    } as const
    const client = openClient({ retries: 0, logins: [login] })
    onTestFinished(async () => {
      await Promise.all([from.stop(), to.stop(), client.close()])
    })
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf([CONFIG]),
      size: CONFIG.length,
    }
    from.put('node', { manifest: { schemaVersion: 2, config, layers: [] }, blobs: [CONFIG], tag: '22' })
    const around = environment()
    const inputs = withInputs({ images: `${from.host}/node:22 => ${to.host}/node`, check })
    const { request } = await readMirrorInputs(inputs, around)
    const { report } = await runMirror(request, around, mirrorEdges(client, []))
    expect(report.failure).toBeUndefined()
    expect(report.result).toBe(result)
    const asked = to.requests
      .filter(({ step }) => step === 'token')
      .map(({ path }) => new URL(path, to.url).searchParams)
    expect([...new Set(asked.flatMap((parameters) => parameters.getAll('scope')))]).toEqual(scopes)
  },
)
