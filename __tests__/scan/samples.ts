import type { SamplePlatform } from '../support/sample-layout.ts'

/** Looks like a GitHub token to a scanner, and is none. Put together here, so that no search for tokens finds it. */
export const FALSE_TOKEN = ['ghp', '0123456789abcdefABCDEF0123456789abcd'].join('_')

const ALPINE = { 'etc/os-release': 'ID=alpine\nVERSION_ID=3.10.2\n', 'etc/alpine-release': '3.10.2\n' }

/** An Alpine system with these packages, as its package manager writes them down. */
export function alpine(packages: Readonly<Record<string, string>>): SamplePlatform['layers'][number] {
  const entries = Object.entries(packages).map(
    ([name, version]) => `P:${name}\nV:${version}\nA:x86_64\nL:MIT\no:${name}\n\n`,
  )
  return { files: { ...ALPINE, 'lib/apk/db/installed': entries.join('') } }
}

/** One image of each kind that a scanner answers differently. */
export const SAMPLES = {
  clean: { layers: [alpine({ musl: '1.1.22-r3' })] },
  /** CVE-2019-14697, CRITICAL, fixed */
  vulnerable: { layers: [alpine({ musl: '1.1.19-r2' })] },
  /** CVE-2021-3712, HIGH, without a fix */
  unfixed: { layers: [alpine({ openssl: '1.1.1d-r0' })] },
  /** CVE-2019-1549, MEDIUM, CVE-2019-1563, LOW, and the unfixed one */
  several: { layers: [alpine({ musl: '1.1.19-r2', openssl: '1.1.1c-r0' })] },
  scratch: { layers: [{ files: { hello: 'hello, this is all there is\n' } }] },
  'secret-in-env': {
    layers: [{ files: { hello: 'hello, this is all there is\n' } }],
    env: [`GH_TOKEN=${FALSE_TOKEN}`],
  },
  'deleted-secret': {
    layers: [{ files: { 'app/.env': `GITHUB_TOKEN=${FALSE_TOKEN}\n` } }, { files: {}, deleted: ['app/.env'] }],
  },
} as const satisfies Record<string, Omit<SamplePlatform, 'platform'>>

export type SampleName = keyof typeof SAMPLES

export function sample(name: SampleName, platform = 'linux/amd64'): SamplePlatform {
  return { platform, ...SAMPLES[name] }
}

/** `FROM development AS production`: a secret in a layer that lies below a CMD. */
export const INNER_COMMAND: SamplePlatform = {
  platform: 'linux/amd64',
  layers: [
    { files: { 'app/.env': `GITHUB_TOKEN=${FALSE_TOKEN}\n` } },
    { files: { 'app/hello': 'hello, this is all there is\n' } },
  ],
  history: [
    { createdBy: 'COPY secrets /' },
    { createdBy: 'CMD ["dev"]', empty: true },
    { createdBy: 'COPY app /' },
    { createdBy: 'CMD ["app"]', empty: true },
  ],
}
