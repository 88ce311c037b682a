import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  need,
  pushBuilderImage,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { writeFiles } from '../support/runner/files.ts'
import { craneAs, docker, expectGreen, expectRed, machineWith, pushBase, traces } from './stage.ts'

const ready = await need(['engine-graph', 'buildx', 'registry2', 'registry3', 'crane', 'builder-image'])

describe.skipIf(!ready)('a builder that is made for the step, on an engine that cannot export a layout', () => {
  let engine: StartedEngine
  let registry: StartedRegistry
  let image: string
  let base: string

  beforeAll(async () => {
    engine = await startEngine('graph')
    registry = await startRegistry(2)
    image = await pushBuilderImage(registry.host)
    base = await pushBase(registry)
    // The engine keeps what it pulled, as after every `docker buildx create`.
    await docker(engine, ['pull', '--quiet', image])
  })

  afterAll(async () => {
    await Promise.all([engine, registry].map((part) => part?.stop()))
  })

  const inputs = (repository: string) => ({
    images: `${registry.host}/${repository}`,
    'buildkit-image': image,
    scan: 'off',
  })

  test('takes its base from a registry of the machine, and is gone after post', async () => {
    const machine = await machineWith(engine)
    await writeFiles(machine.workspace, { Dockerfile: `FROM ${base}\nCOPY hello /\n`, hello: 'hello\n' })
    const before = await traces(engine)
    const step = await machine.publish({ ...inputs('acme/built'), platforms: 'linux/amd64,linux/arm64' })
    expectGreen(step)
    expect(step.main.log.text).toMatch(/^Build +by lading-[0-9a-f]{12}: /m)
    expect(await traces(engine)).toEqual(before)
    expect(await craneAs()('digest', `${registry.host}/acme/built:latest`)).toBe(step.main.outputs['digest'])
  })

  test('is gone after a cancel in the middle of the build, and no tag was written', async () => {
    const machine = await machineWith(engine)
    // The registry is a program that Go linked statically, and it serves until somebody ends it.
    await cp(await requirePart('registry3'), join(machine.workspace, 'registry'))
    await writeFiles(machine.workspace, {
      Dockerfile: 'FROM scratch\nCOPY . /\nRUN ["/registry", "serve", "/configuration"]\n',
      configuration: 'version: 0.1\nstorage: { inmemory: {} }\nhttp: { addr: "127.0.0.1:0" }\n',
    })
    const before = await traces(engine)
    let during: Promise<readonly string[]> | undefined
    const step = await machine.publish(inputs('acme/cancelled'), {
      cancelWhen(log) {
        const serves = log.includes('listening on 127.0.0.1')
        if (serves) during ??= traces(engine)
        return serves
      },
    })
    expectRed(step, 'CANCELLED')
    expect(step.main.signals).toEqual(['SIGINT'])
    expect(JSON.stringify(await during)).toContain('lading-')
    expect(await traces(engine)).toEqual(before)
    const paths = (await registry.requests()).map(({ path }) => path)
    expect(paths.filter((path) => path.includes('/acme/cancelled/manifests/sha256'))).toEqual([])
    await expect(craneAs()('digest', `${registry.host}/acme/cancelled:latest`)).rejects.toThrow(/unknown|404/i)
  })
})
