#!/usr/bin/env node
// Records what docker/metadata-action answers: runs its real bundle once for each case and writes the answers beside it.
//
//   node record.mjs CHECKOUT CASES.json [NAME…]
//
// CHECKOUT is a checkout of docker/metadata-action at a release tag (its dist/index.cjs is run as a process, as a runner
// would: INPUT_* and GITHUB_* variables, an event file, GITHUB_OUTPUT and GITHUB_ENV files, nothing else of this machine's
// environment but PATH). CASES.json holds the questions and receives the answers; NAME… records only these cases again.
//
// What would differ from run to run is held still:
// - the clock: a preloaded module replaces `Date` (constructor and `Date.now`) by one that stands at the case's `now`;
// - the GitHub API: a server on loopback answers GET /repos/OWNER/REPO and …/commits/SHA from the case's `api`;
// - Git: `git` names a repository that is made from fixed commands with fixed dates and identities.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { compact } from './outputs.mjs'

const [checkout, file, ...only] = process.argv.slice(2)
const AT_ONCE = 2
const GIT_SETTINGS = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2026-01-20T21:22:23+05:30',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_COMMITTER_DATE: '2026-01-21T22:23:24+05:30',
}
const bundle = join(resolve(checkout), 'dist/index.cjs')
const book = JSON.parse(readFileSync(file, 'utf8'))
const scratch = mkdtempSync(join(tmpdir(), 'record-'))
const byName = new Map(book.cases.map((one) => [one.name, one]))
if (byName.size !== book.cases.length) throw new Error('two cases have the same name')

const api = createServer((request, response) => answer(request, response))
await new Promise((ready) => api.listen(0, '127.0.0.1', ready))
const repositories = Object.fromEntries(
  Object.entries(book.repositories).map(([name, state]) => [name, makeRepository(name, state)]),
)

const waiting = book.cases.filter(({ name }) => only.length === 0 || only.includes(name))
await Promise.all(Array.from({ length: AT_ONCE }, worker))
api.close()
rmSync(scratch, { recursive: true })
writeFileSync(file, print(book))

async function worker() {
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    try {
      one.expected = await record(one)
    } catch (trouble) {
      console.error(`${one.name}: ${trouble.stack}`)
      process.exitCode = 1
    }
    // Written as it goes: a run over all cases takes minutes.
    if (waiting.length % 50 === 0) writeFileSync(file, print(book))
  }
}

/** One run of the bundle, in the short form of outputs.mjs. */
async function record(one) {
  const now = one.now ?? book.now
  const { folder, path, env } = prepare(one)
  const cwd = one.git === undefined ? folder : repositories[one.git]
  const { exit, stdout, stderr } = await run(['--import', standstill(now), bundle], { cwd, env })
  const outputs = parseFileCommands(readFileSync(path('output'), 'utf8'))
  const exported = parseFileCommands(readFileSync(path('env'), 'utf8'))
  if (Object.keys(exported).length > 0) assertExported(outputs, exported)
  const bakeFiles = takeBakeFiles(outputs)
  const facts = {
    inputs: one.inputs ?? {},
    levels: env.DOCKER_METADATA_ANNOTATIONS_LEVELS || 'manifest',
    repo: { ...book.repo, ...one.api?.repo },
    now,
    sha: env.GITHUB_SHA ?? '',
  }
  const whole = one.verbatim ? { outputs, bakeFiles } : {}
  const said = { warnings: commands(stdout, 'warning'), errors: commands(stdout, 'error') }
  return {
    exit,
    ...(exit === 0 ? { ...compact({ outputs, bakeFiles }, facts), ...whole } : withoutEmpty({ outputs })),
    ...(exit === 0 && Object.keys(exported).length === 0 ? { exported: false } : {}),
    ...withoutEmpty(said),
    ...withoutEmpty({ stderr: stderr.trim() }),
  }
}

/** The files and variables that a runner would have made. */
function prepare(one) {
  const event = book.events[one.event]
  const folder = mkdtempSync(join(scratch, 'run-'))
  const path = (name) => join(folder, name)
  for (const name of ['output', 'env', 'state', 'summary']) writeFileSync(path(name), '')
  writeFileSync(path('event.json'), JSON.stringify({ ...event.payload, ...one.payload }))
  const inputs = { ...book.inputs, ...one.inputs }
  const env = {
    ...book.env,
    ...event.env,
    ...one.env,
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    GITHUB_API_URL: `http://127.0.0.1:${api.address().port}/${encodeURIComponent(one.name)}`,
    GITHUB_EVENT_PATH: path('event.json'),
    GITHUB_OUTPUT: path('output'),
    GITHUB_ENV: path('env'),
    GITHUB_STATE: path('state'),
    GITHUB_STEP_SUMMARY: path('summary'),
    RUNNER_TEMP: folder,
    NODE_COMPILE_CACHE: join(scratch, 'compiled'),
    ...GIT_SETTINGS,
  }
  return { folder, path, env }
}

/** The content of the bake files instead of their paths, which are of this machine. */
function takeBakeFiles(outputs) {
  const files = {}
  for (const name of Object.keys(outputs).filter((name) => name.startsWith('bake-file'))) {
    files[name] = readFileSync(outputs[name], 'utf8')
    delete outputs[name]
  }
  return files
}

function withoutEmpty(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => Object.keys(value).length > 0))
}

/** Every output is exported under its name in capitals; a case is only marked when none is (`exported: false`). */
function assertExported(outputs, exported) {
  const wished = Object.entries(outputs).map(([name, value]) => [
    `DOCKER_METADATA_OUTPUT_${name.replace(/\W/g, '_').toUpperCase()}`,
    value,
  ])
  if (JSON.stringify(wished) !== JSON.stringify(Object.entries(exported)))
    throw new Error('exported variables are not the outputs')
}

/** A module, as a data: URL, after which no time passes: `new Date()`, `Date()` and `Date.now()` always say `now`. */
function standstill(now) {
  const source = `
    const Real = Date, now = Real.parse(${JSON.stringify(now)})
    globalThis.Date = new Proxy(Real, {
      construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now] : args, self),
      apply: () => new Real(now).toString(),
      get: (target, key) => (key === 'now' ? () => now : Reflect.get(target, key)),
    })`
  return `data:text/javascript,${encodeURIComponent(source)}`
}

function run(args, options) {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => (text[name] += part))
    child.on('error', failed)
    child.on('close', (exit) => done({ exit, ...text }))
  })
}

/** The API as the case has it: a status instead of an answer is a refusal. */
function answer(request, response) {
  const [, name, , , , commits] = new URL(request.url, 'http://local').pathname.split('/')
  const { api: wished = {} } = byName.get(decodeURIComponent(name)) ?? {}
  const given = commits === undefined ? { ...book.repo, ...wished.repo } : (wished.commit ?? book.commit)
  const status = commits === undefined ? wished.status : refusalIn(given)
  response.writeHead(status ?? 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(status === undefined ? given : { message: 'Not Found' }))
}

function refusalIn(answer) {
  return typeof answer === 'number' ? answer : undefined
}

function makeRepository(name, { commands: lines, shallow = false }) {
  const folder = join(scratch, `git-${name}`)
  mkdirSync(folder)
  const git = (...args) =>
    execFileSync('git', args, { cwd: folder, env: { PATH: process.env.PATH, ...GIT_SETTINGS }, encoding: 'utf8' })
  for (const line of lines) git(...line)
  const sha = lines.length === 0 ? '' : git('rev-parse', 'HEAD').trim()
  if (shallow) writeFileSync(join(folder, '.git/shallow'), `${sha}\n`)
  return folder
}

/** `name<<delimiter`, lines, `delimiter`: the form of GITHUB_OUTPUT and GITHUB_ENV. */
function parseFileCommands(text) {
  const found = {}
  for (const [, name, , value] of text.matchAll(/^(\S+?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2$/gm)) found[name] = value
  return found
}

function commands(stdout, kind) {
  return [...stdout.matchAll(new RegExp(`^::${kind}[^:]*::(.*)$`, 'gm'))].map(([, text]) =>
    text.replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%'),
  )
}

/** One line a case, so that a change of one answer is a change of one line. */
function print({ cases, ...rest }) {
  const shared = Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value, null, 1)}`)
  return `{\n${shared.join(',\n')},\n"cases": [\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]\n}\n`
}
