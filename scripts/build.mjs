// Makes dist/ from src/: TypeScript to JavaScript, then one bundle with chunks for what is rarely needed.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Builds into `target`, a folder that is emptied first. */
export async function build(target = join(root, 'dist')) {
  run('tsc', ['-p', 'tsconfig.build.json'])
  const work = mkdtempSync(join(tmpdir(), 'bundle-'))
  try {
    run('ncc', [
      'build',
      'build/main.js',
      '--out',
      work,
      '--minify',
      '--no-cache',
      '--license',
      'licenses.txt',
      '--quiet',
    ])
    for (const file of readdirSync(work)) {
      // ncc minifies the main file only.
      if (/^\d+\.index\.js$/.test(file)) await minifyChunk(join(work, file))
      normalise(join(work, file))
    }
    // Each action starts the bundle by a file of its own, and the name of that tells which one it is.
    for (const action of ['mirror', 'promote']) writeFileSync(join(work, `${action}.js`), "import './index.js'\n")
    rmSync(target, { recursive: true, force: true })
    cpSync(work, target, { recursive: true })
  } finally {
    rmSync(work, { recursive: true, force: true })
    rmSync(join(root, 'build'), { recursive: true, force: true })
  }
}

async function minifyChunk(path) {
  const { minify } = await import('terser')
  const { code } = await minify(readFileSync(path, 'utf8'), { module: true, compress: { passes: 1 }, mangle: true })
  if (code === undefined) throw new Error(`${path} could not be minified`)
  writeFileSync(path, code)
}

/** Text ends in one line end, on every machine the same. */
function normalise(path) {
  if (!/\.(?:js|txt|json|mjs|cjs)$/.test(path)) return
  const text = readFileSync(path, 'utf8').replace(/\r\n/g, '\n')
  writeFileSync(path, text.endsWith('\n') ? text : `${text}\n`)
}

function run(program, args) {
  const bin = join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const { status } = spawnSync(join(bin, program), args, { cwd: root, env, stdio: 'inherit' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
