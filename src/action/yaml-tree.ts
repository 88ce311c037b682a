import type { Alias, Node, Pair, YAMLMap } from 'yaml'
import { quoted } from './quoted.ts'

/** A YAML text as values that know their lines; anchors, aliases and merge keys are resolved. Lines count from 1. */
export type YamlTree =
  | { readonly kind: 'map'; readonly line: number; readonly entries: YamlEntries }
  | { readonly kind: 'list'; readonly line: number; readonly items: readonly YamlTree[] }
  | ({ readonly kind: 'value'; readonly line: number } & YamlScalar)
export type YamlEntries = ReadonlyMap<string, { readonly line: number; readonly value: YamlTree }>
/** `type`: what the value would be by itself; `plain`: its text, and for other types than texts the usual way to write it */
export type YamlScalar = {
  readonly type: 'text' | 'number' | 'flag' | 'nothing'
  readonly text: string
  readonly plain: string
}

export type TreeFault = { readonly line: number; readonly text: string }
export type ReadTree = {
  readonly tree?: YamlTree
  readonly faults: readonly TreeFault[]
  readonly remarks: readonly TreeFault[]
}

/** Maps may take this many keys from others, all together; a chain of merge keys would otherwise grow without end. */
const MOST_MERGED = 20_000

/**
 * Reads a YAML text of one document. Keys that stand twice are faults. Aliases share what they mean, so that no small
 * text becomes a large tree.
 */
export async function readYamlTree(text: string): Promise<ReadTree> {
  const yaml = await import('yaml')
  const counter = new yaml.LineCounter()
  const faults: TreeFault[] = []
  const remarks: TreeFault[] = []
  const lineOf = (node: unknown) => counter.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0).line || 1
  const fault = (line: number, why: string): undefined => {
    faults.push({ line, text: why })
    return undefined
  }
  try {
    // The library looks for twins by comparing each key with each; a set does it below.
    const options = {
      lineCounter: counter,
      prettyErrors: false,
      version: '1.2',
      schema: 'core',
      uniqueKeys: false,
    } as const
    const document = yaml.parseDocument(text, options)
    const [broken] = document.errors
    if (broken !== undefined) {
      fault(counter.linePos(broken.pos[0]).line || 1, `this is not YAML (${broken.code})`)
      return { faults, remarks }
    }
    const meanings = meaningsOf(yaml, document)
    const planting: Planting = { yaml, lineOf, fault, remarks, meanings, known: new Map(), merged: 0 }
    const tree = document.contents === null ? undefined : plant(planting, document.contents)
    return { ...(tree === undefined ? {} : { tree }), faults, remarks }
  } catch (thrown) {
    // Brackets within brackets without end: the parser calls itself for each.
    if (!(thrown instanceof RangeError)) throw thrown
    fault(1, 'it is nested too deep')
    return { faults, remarks }
  }
}

type Yaml = typeof import('yaml')
type Planting = {
  readonly yaml: Yaml
  readonly lineOf: (node: unknown) => number
  readonly fault: (line: number, why: string) => undefined
  readonly remarks: TreeFault[]
  readonly meanings: ReadonlyMap<Alias, Node>
  /** `undefined` while a node is being read: an alias that comes back to it is a ring */
  readonly known: Map<unknown, YamlTree | undefined>
  merged: number
}

/** What each alias stands for: the last anchor of its name before it. */
function meaningsOf(yaml: Yaml, document: ReturnType<Yaml['parseDocument']>): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>()
  const meanings = new Map<Alias, Node>()
  yaml.visit(document, {
    Node: (_, node) => {
      if (yaml.isAlias(node)) {
        const meant = anchors.get(node.source)
        if (meant !== undefined) meanings.set(node, meant)
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return meanings
}

function plant(planting: Planting, node: unknown): YamlTree | undefined {
  const { yaml, lineOf, fault, known, meanings } = planting
  if (yaml.isAlias(node)) {
    const meant = meanings.get(node)
    if (meant === undefined) return fault(lineOf(node), `nothing is called &${node.source.slice(0, 80)} before this`)
    if (!known.has(meant) || known.get(meant) !== undefined) return plant(planting, meant)
    return fault(lineOf(node), `*${node.source.slice(0, 80)} stands within itself`)
  }
  if (known.has(node) && node !== null) return known.get(node)
  if (node !== null) known.set(node, undefined)
  const tree = plantNew(planting, node)
  if (node !== null) known.set(node, tree)
  return tree
}

function plantNew(planting: Planting, node: unknown): YamlTree | undefined {
  const { yaml, lineOf } = planting
  const line = lineOf(node)
  if (yaml.isMap(node)) return { kind: 'map', line, entries: plantEntries(planting, node) }
  if (yaml.isSeq(node)) {
    const items = node.items.map((item) => plant(planting, item)).filter((item) => item !== undefined)
    return { kind: 'list', line, items }
  }
  return { kind: 'value', line, ...scalarOf(node) }
}

// Where a key comes from a merge and from the map itself, regsync takes the one that stands later; YAML takes the map's own.
function plantEntries(planting: Planting, map: YAMLMap): YamlEntries {
  const entries = new Map<string, { readonly line: number; readonly value: YamlTree }>()
  const own = new Map<string, number>()
  for (const pair of map.items) {
    const line = planting.lineOf(pair.key)
    const key = keyOf(planting, pair)
    if (key === undefined) planting.fault(line, 'a key is one text')
    else if (key === '<<') mergeInto(planting, { entries, own, line }, pair.value)
    else {
      const first = own.get(key)
      if (first !== undefined) planting.fault(line, `the key ${quoted(key)} is there twice, first in line ${first}`)
      own.set(key, line)
      const value = plantValue(planting, pair, line)
      if (value !== undefined) entries.set(key, { line, value })
    }
  }
  return entries
}

function keyOf({ yaml }: Planting, { key }: Pair): string | undefined {
  return yaml.isScalar(key) ? scalarOf(key).text : undefined
}

// What is not written at all has no line of its own.
function plantValue(planting: Planting, { value }: Pair, line: number): YamlTree | undefined {
  return value === null ? { kind: 'value', line, type: 'nothing', text: '', plain: '' } : plant(planting, value)
}

type Merging = {
  readonly entries: Map<string, { readonly line: number; readonly value: YamlTree }>
  readonly own: ReadonlyMap<string, number>
  readonly line: number
}

function mergeInto(planting: Planting, { entries, own, line }: Merging, value: unknown): void {
  const tree = plant(planting, value)
  if (tree === undefined) return
  const maps = tree.kind === 'list' ? tree.items : [tree]
  for (const map of maps.toReversed()) {
    if (map.kind !== 'map') {
      planting.fault(line, 'a << takes the keys of a map')
      continue
    }
    planting.merged += map.entries.size
    if (planting.merged > MOST_MERGED) {
      planting.fault(line, `<< is used for more than ${MOST_MERGED} keys`)
      return
    }
    for (const [key, entry] of map.entries) {
      if (own.has(key))
        planting.remarks.push({ line, text: `the << stands after ${quoted(key)} and replaces it; put it first` })
      entries.set(key, entry)
    }
  }
}

function scalarOf(node: unknown): YamlScalar {
  if (typeof node !== 'object' || node === null || !('value' in node)) return { type: 'nothing', text: '', plain: '' }
  const { value } = node
  const source = 'source' in node && typeof node.source === 'string' ? node.source : ''
  if (value === null || value === undefined) return { type: 'nothing', text: '', plain: '' }
  if (typeof value === 'number' || typeof value === 'bigint')
    return { type: 'number', text: source, plain: String(value) }
  if (typeof value === 'boolean') return { type: 'flag', text: source, plain: String(value) }
  const text = String(value)
  // YAML 1.1 has numbers with underscores, and regsync's reader still takes them for such.
  const isNumber = 'type' in node && node.type === 'PLAIN' && /^[-+]?\d[\d_]*_[\d_]*(?:\.[\d_]*)?$/.test(text)
  return isNumber ? { type: 'number', text, plain: text.replaceAll('_', '') } : { type: 'text', text, plain: text }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}
