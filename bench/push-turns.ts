import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun } from '../scripts/part/command.ts'
import type { StartedEngine } from '../scripts/part/index.ts'
import type { Field, Place } from './field.ts'
import { type Cost, measurePush } from './measure.ts'
import { BARE, dockerPush, lading, type Peer, type Push, peers, startedAtOnce, toFirst } from './peers.ts'
import { type Case, TAGS } from './push-cases.ts'
import { LOADED, writeLayout } from './sample.ts'
import { seed } from './seed.ts'

/** All runs of one program. */
export type Result = {
  readonly name: string
  /** Only rivals compete for the best time; a yardstick is there to compare with. */
  readonly role: 'own' | 'rival' | 'yardstick'
  readonly costs: readonly Cost[]
  /** why there are no more of them */
  readonly trouble: string
}

export type Setting = {
  readonly field: Field
  readonly engine: StartedEngine | undefined
  /** the main file of Lading's bundle */
  readonly bundle: string
  readonly runs: number
  /** the distance in between, or none */
  readonly far: boolean
  /** of the layers' size; 1 unless it is a trial */
  readonly share: number
}

/** Measures a case for each program in turns, each time with new bytes and a repository of its own. */
export async function measureCase(one: Case, setting: Setting): Promise<readonly Result[]> {
  const subjects = await subjectsOf(one, setting)
  const results = new Map(subjects.map(({ peer, role }) => [peer.name, resultOf(peer, role)]))
  for (let turn = 0; turn < setting.runs; turn += 1) {
    // Whoever comes first in a turn writes bytes that the registry's disk does not hold yet: each is it in its turn.
    const first = turn % subjects.length
    const order = [...subjects.slice(first), ...subjects.slice(0, first)].map(({ peer }) => peer)
    for await (const stage of stageOf(one, setting)) {
      for (const peer of order) await addRun(results.get(peer.name), peer, { ...stage, turn })
    }
  }
  return [...results.values()]
}

type Growing = { name: string; role: Result['role']; costs: Cost[]; trouble: string }

function resultOf({ name, missing = '' }: Peer, role: Result['role']): Growing {
  return { name, role, costs: [], trouble: missing }
}

/** A program that failed once is not started again: its row says why. */
async function addRun(result: Growing | undefined, peer: Peer, stage: Stage & { turn: number }): Promise<void> {
  if (result === undefined || result.trouble !== '') return
  try {
    result.costs.push(await measureOnce(peer, stage, repositoryOf(stage.one, peer, stage.turn)))
  } catch (error) {
    result.trouble = error instanceof Error ? error.message : String(error)
  }
}

type Subject = { readonly peer: Peer; readonly role: Result['role'] }

async function subjectsOf(one: Case, { engine, bundle }: Setting): Promise<readonly Subject[]> {
  const own = lading(bundle)
  const others = await peers()
  const docker =
    engine === undefined
      ? { name: 'docker push', commands: () => [], missing: 'no engine can be started here' }
      : dockerPush(engine)
  const beside = one.beside ?? []
  const yardsticks = [
    ...(beside.includes('one registry') ? [toFirst(own)] : []),
    ...(beside.includes('at once') ? others.slice(0, 1).map(startedAtOnce) : []),
    ...(beside.includes('bare writer') ? [BARE] : []),
  ]
  return [
    { peer: own, role: 'own' },
    ...[...others, docker].map((peer): Subject => ({ peer, role: 'rival' })),
    ...yardsticks.map((peer): Subject => ({ peer, role: 'yardstick' })),
  ]
}

type Stage = {
  readonly one: Case
  readonly setting: Setting
  readonly image: Pick<Push, 'layout' | 'digest'>
  readonly before?: string
}

/** The layouts of one turn, on disk and in the engine; gone when the turn is over. */
async function* stageOf(one: Case, setting: Setting): AsyncGenerator<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-push-'))
  try {
    const { sample, before } = one.make(setting.share)
    const layout = join(folder, 'image')
    const image = { layout, digest: await writeLayout(layout, sample) }
    const held = join(folder, 'before')
    if (before !== undefined) await writeLayout(held, before)
    if (setting.engine !== undefined) await load(setting.engine, layout, join(folder, 'image.tar'))
    yield { one, setting, image, ...(before === undefined ? {} : { before: held }) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function load(engine: StartedEngine, layout: string, tar: string): Promise<void> {
  await mustRun('pack a layout', 'tar', ['-C', layout, '-cf', tar, '.'])
  await docker(engine, ['load', '--input', tar])
  await rm(tar)
}

async function docker(engine: StartedEngine, args: readonly string[]): Promise<void> {
  await mustRun(`run docker ${args[0]}`, join(engine.path, 'docker'), args, { environment: engine.env })
}

function repositoryOf(one: Case, peer: Peer, turn: number): string {
  return `${one.name}/${peer.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${turn}`
}

async function measureOnce(peer: Peer, stage: Stage, repository: string): Promise<Cost> {
  const { one, setting, before, image } = stage
  const chosen = setting.field.registries.slice(0, one.registries)
  if (before !== undefined)
    for (const { registry } of chosen) await seed(before, `${registry.host}/${repository}`, TAGS)
  const repositories = chosen.map((place) => `${doorOf(place, setting)}/${repository}`)
  if (setting.engine !== undefined && peer.name === 'docker push')
    for (const to of repositories) for (const tag of TAGS) await docker(setting.engine, ['tag', LOADED, `${to}:${tag}`])
  const seen = await Promise.all(chosen.map(async ({ registry }) => (await registry.requests()).length))
  const used = await measurePush(peer, { ...image, repositories, tags: TAGS, again: one.again === true })
  return { ...used, requests: await requestsSince(chosen, seen) }
}

function doorOf({ registry, farHost }: Place, { far }: Setting): string {
  return far ? farHost : registry.host
}

async function requestsSince(chosen: readonly Place[], seen: readonly number[]): Promise<Cost['requests']> {
  const requests: Record<string, number> = {}
  for (const [index, { registry }] of chosen.entries()) {
    for (const { method } of (await registry.requests()).slice(seen[index]))
      requests[method] = (requests[method] ?? 0) + 1
  }
  return requests
}
