import { asLadingError, LadingError } from '../../error.ts'
import { formatReference, formatRepository, type Repository, type TagReference, tagged } from '../../image/reference.ts'
import { plainLine } from '../../plain-text.ts'
import type { MirrorTask } from '../../plan/mirror-plan.ts'
import type { MirrorEntry } from '../../plan/mirror-request.ts'
import { count } from '../../plan/print.ts'
import { type Selected, selectNames, selectTags, type TagTimes, tagsToDate } from '../../tags/select.ts'
import type { Say } from '../run.ts'
import { madeAt } from './ages.ts'
import { type MirrorRun, remoteOf, tagListOf } from './ledger.ts'

/** More than any registry should have; a list that is longer is not taken for a whole one. */
const MOST_REPOSITORIES = 50_000
/** The list is the registry's, whichever repository is asked for it. */
const ANY_PATH = 'catalog'

/** Every image that the entries name, with what they call it. An entry that cannot be listed fails alone. */
export async function expand(run: MirrorRun, say: Say): Promise<readonly MirrorTask[]> {
  const lists = openLists(run)
  const expanded = await Promise.all(
    run.request.entries.map(async (entry) => {
      try {
        return await tasksOf(entry, lists)
      } catch (thrown) {
        const error = asLadingError(thrown)
        if (error.code === 'CANCELLED') throw error
        run.ledger.failEntry(entry, sourceName(entry), error)
        return []
      }
    }),
  )
  const tasks = expanded.flat()
  say(`${count(tasks.length, 'image')} of ${count(run.request.entries.length, 'entry', 'entries')}`)
  return tasks
}

type Lists = {
  tags(repository: Repository): Promise<readonly string[]>
  repositories(registry: string): Promise<readonly string[]>
  /** when an image was made, as far as it tells */
  made(image: TagReference): Promise<Date | undefined>
  debug(line: string): void
}

/** Each list is asked for once, however many entries want it. */
function openLists(run: MirrorRun): Lists {
  const catalogs = new Map<string, Promise<readonly string[]>>()

  async function repositories(registry: string): Promise<readonly string[]> {
    const list = await remoteOf(run, { registry, path: ANY_PATH }, 'pull').catalog({ limit: MOST_REPOSITORIES })
    if (list.isWhole) return list.repositories
    throw cut(`the repositories of ${registry}`, list.repositories.length)
  }

  return {
    tags: async (repository) => {
      const list = await tagListOf(run, repository)()
      if (list.isWhole) return list.tags
      throw cut(`the tags of ${formatRepository(repository)}`, list.tags.length)
    },
    repositories: (registry) => {
      const known = catalogs.get(registry) ?? repositories(registry)
      catalogs.set(registry, known)
      return known
    },
    made: (image) => madeAt(run, image),
    debug: (line) => run.edges.reporter.debug(plainLine(line, 1000)),
  }
}

function cut(what: string, got: number): LadingError {
  return new LadingError('REGISTRY_UNREACHABLE', `listing ${what}: the registry gives ${got} of them and no end`)
}

async function tasksOf(entry: MirrorEntry, lists: Lists): Promise<readonly MirrorTask[]> {
  switch (entry.kind) {
    case 'image':
      return [{ entry, source: entry.source, targets: entry.targets }]
    case 'repository':
      return repositoryTasks(entry, entry.source, entry.targets, lists)
    case 'registry': {
      const paths = selectNames(entry.repositories, await lists.repositories(entry.source)).taken
      if (paths.length === 0 && !entry.allowEmpty) throw nothing(entry, 'repository')
      const all = paths.map((path) => {
        const targets = entry.targets.map(({ registry, prefix }) => ({
          registry,
          path: prefix === '' ? path : `${prefix}/${path}`,
        }))
        return repositoryTasks({ ...entry, allowEmpty: true }, { registry: entry.source, path }, targets, lists)
      })
      const tasks = (await Promise.all(all)).flat()
      if (tasks.length === 0 && !entry.allowEmpty) throw nothing(entry, 'tag')
      return tasks
    }
  }
}

async function repositoryTasks(
  entry: Extract<MirrorEntry, { readonly kind: 'repository' | 'registry' }>,
  source: Repository,
  targets: readonly Repository[],
  lists: Lists,
): Promise<readonly MirrorTask[]> {
  const tags = await lists.tags(source)
  const times = await timesOf(tagsToDate(entry.tags, tags), source, lists)
  const { taken, left, idle } = selectTags(entry.tags, tags, times)
  for (const { tag, reasons } of left)
    lists.debug(`${formatRepository(source)}:${tag} is left out: ${reasons.join('; ')}`)
  if (!entry.allowEmpty) mustFit(entry, formatRepository(source), { taken, idle })
  return taken.map((tag) => ({
    entry,
    source: tagged(source, tag),
    targets: targets.map((target) => tagged(target, tag)),
  }))
}

/** A pattern that nothing fits is misspelt, or waits for what will not come. One that keeps out may well fit nothing today. */
function mustFit(entry: MirrorEntry, name: string, { taken, idle }: Pick<Selected, 'taken' | 'idle'>): void {
  const vain = idle.flatMap(({ of, text }) => (of === 'deny' ? [] : [`${of} ${text}`]))
  if (vain.length > 0) {
    const named = plainLine(vain.slice(0, 10).join(', '), 500)
    throw new LadingError('NOTHING_MATCHED', `listing ${name}: nothing fits ${named}`, { hint: EMPTY_HINT })
  }
  if (taken.length === 0) throw nothing(entry, 'tag')
}

/** When images were made, by their tags, for those that nobody can order by name. Each costs a look into the image. */
async function timesOf(tags: readonly string[], source: Repository, { made }: Lists): Promise<TagTimes> {
  const times = await Promise.all(tags.map(async (tag) => [tag, await made(tagged(source, tag))] as const))
  return new Map(times.flatMap(([tag, time]) => (time === undefined ? [] : [[tag, time.getTime()]])))
}

function nothing(entry: MirrorEntry, what: string): LadingError {
  return new LadingError('NOTHING_MATCHED', `listing ${sourceName(entry)}: no ${what} of it is to be mirrored`, {
    hint: EMPTY_HINT,
  })
}

const EMPTY_HINT =
  'Correct the patterns, or say that there may be nothing (`allow-empty`, `allowEmpty: true` in the file).'

function sourceName(entry: MirrorEntry): string {
  switch (entry.kind) {
    case 'image':
      return formatReference(entry.source)
    case 'repository':
      return formatRepository(entry.source)
    case 'registry':
      return entry.source
  }
}
