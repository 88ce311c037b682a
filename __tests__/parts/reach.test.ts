import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { need, requirePart, startEngine, startRegistry } from '../../scripts/part/index.ts'
import { alpine, sample } from '../scan/samples.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { writeFiles } from '../support/runner/files.ts'
import { makeRunner } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { serveDatabase } from '../support/trivy-database.ts'
import { expectGreen, expectRed, machineWith } from './stage.ts'

describe.skipIf(!(await need(['registry2', 'registry3'])))('a registry with a certificate of its own', () => {
  test.each([2, 3] as const)('is reached with its authority, and not without (registry %i)', async (version) => {
    const tls = selfSignedCertificate()
    const registry = await startRegistry(version, { tls })
    onTestFinished(() => registry.stop())
    const runner = await makeRunner()
    onTestFinished(() => runner[Symbol.asyncDispose]())
    await writeSampleLayout(join(runner.workspace, 'finished'), { platforms: [sample('scratch')] })
    await writeFiles(runner.workspace, { 'authority.pem': tls.cert })
    const inputs = { images: `${registry.host}/acme/app`, layout: 'finished', scan: 'off' }
    const config = (more: object) => JSON.stringify([{ registry: registry.host, ...more }])
    const step = (more: object) => runner.step({ inputs: { ...inputs, 'registry-config': config(more) } })
    expectRed(await runner.step({ inputs }), 'TLS_FAILED')
    expectGreen(await step({ ca: 'authority.pem' }))
    const again = await step({ insecure: true })
    expectGreen(again)
    expect(again.main.report).toMatchObject({ result: 'unchanged' })
  })

  test.each([2, 3] as const)(
    'is shown ours, of the step or of certs.d, and is not reached without (registry %i)',
    async (version) => {
      const [tls, ours] = [selfSignedCertificate(), selfSignedCertificate()]
      const registry = await startRegistry(version, { tls: { ...tls, clients: ours.cert } })
      onTestFinished(() => registry.stop())
      const runner = await makeRunner()
      onTestFinished(() => runner[Symbol.asyncDispose]())
      await writeSampleLayout(join(runner.workspace, 'finished'), { platforms: [sample('scratch')] })
      await writeFiles(runner.workspace, { 'ca.pem': tls.cert, 'ours.pem': ours.cert, 'ours.key': ours.key })
      const inputs = { images: `${registry.host}/acme/app`, layout: 'finished', scan: 'off' }
      const step = (more: object) =>
        runner.step({
          inputs: { ...inputs, 'registry-config': JSON.stringify([{ registry: registry.host, ...more }]) },
        })
      expect(expectRed(await step({ ca: 'ca.pem' }), 'TLS_FAILED')).toContain('another certificate of ours')
      expectGreen(await step({ ca: 'ca.pem', 'client-cert': 'ours.pem', 'client-key': 'ours.key' }))
      const folder = `.config/containers/certs.d/${registry.host}`
      const files = { 'ca.crt': tls.cert, 'client.cert': ours.cert, 'client.key': ours.key }
      await writeFiles(
        runner.home,
        Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])),
      )
      const again = await runner.step({ inputs })
      expectGreen(again)
      expect(again.main.report).toMatchObject({ result: 'unchanged' })
    },
  )
})

describe.skipIf(!(await need(['engine', 'buildx', 'registry3', 'trivy', 'trivy-db'])))(
  'a step on an odd machine',
  () => {
    test('publishes with a comma, a blank, a colon and an at sign in its folders', async () => {
      const [engine, registry, database] = await Promise.all([
        startEngine('containerd'),
        startRegistry(3),
        serveDatabase(),
      ])
      for (const part of [engine, registry, database]) onTestFinished(() => part.stop())
      const machine = await machineWith(engine)
      const [temp, workspace] = [join(machine.temp, 'a, b: c@d'), join(machine.workspace, 'e, "f": g@h')]
      await Promise.all([temp, workspace].map((folder) => mkdir(folder)))
      await writeFiles(workspace, {
        ...Object.fromEntries(
          Object.entries(alpine({ musl: '1.1.22-r3' }).files).map(([name, text]) => [name, text.toString()]),
        ),
        'docker, files/Dockerfile': 'FROM scratch\nARG GREETING\nLABEL greeting="$GREETING"\nCOPY . /\n',
      })
      const step = await machine.publish(
        {
          images: `${registry.host}/acme/app`,
          file: 'docker, files/Dockerfile',
          'build-args': 'GREETING=a, "b" $HOME `id`',
          secrets: 'a=b',
          'trivy-path': await requirePart('trivy'),
          'db-repository': database.repository,
        },
        { env: { RUNNER_TEMP: temp, GITHUB_WORKSPACE: workspace } },
      )
      expect(step.main, step.main.log.text).toMatchObject({
        exitCode: 0,
        outputs: { published: 'true', 'scan-result': 'clean' },
      })
      expect(step.leftovers.filter((path) => path.includes('/lading-'))).toEqual([
        expect.stringMatching(/lading-bake\.json$/),
        expect.stringMatching(/lading-report\.json$/),
        expect.stringMatching(/lading-scan\.sarif$/),
      ])
    })

    test('is BUILDER_MISSING, before anything is written, when the engine is away', async () => {
      const [engine, registry] = await Promise.all([startEngine('containerd'), startRegistry(3)])
      for (const part of [engine, registry]) onTestFinished(() => part.stop())
      const machine = await machineWith({
        path: engine.path,
        env: { ...engine.env, DOCKER_HOST: 'unix:///nowhere.sock' },
      })
      await writeFiles(machine.workspace, { Dockerfile: 'FROM scratch\nCOPY . /\n' })
      const alarm = expectRed(
        await machine.publish({ images: `${registry.host}/acme/app`, scan: 'off' }),
        'BUILDER_MISSING',
      )
      expect(alarm).toContain('/nowhere.sock')
    })
  },
)
