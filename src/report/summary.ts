import { findingsOf, isFinding, scanOf } from './gate-section.ts'
import { liveNames } from './live-image.ts'
import { code, type Table, table, text } from './markdown.ts'
import { formatBytes, formatDuration } from './quantity.ts'
import { referencesOf } from './reference-section.ts'
import type { PlatformReport, Report } from './report.ts'
import { trafficOf } from './traffic-section.ts'
import { verdictOf } from './verdict.ts'

/**
 * The job summary: one page of GitHub-flavoured Markdown, drawn from the report alone. The order is what a reader asks:
 * what happened, what can be pulled now, why it can be trusted, what it cost.
 *
 * Text of strangers passes through `markdown.ts`. Every list has its room, together below GitHub's limit of 1 MiB for
 * a step, above which the whole page would be dropped.
 */
export function summaryOf(report: Report): string {
  const names = [referencesOf(report), platformsOf(report.platforms)]
  const trust = [scanOf(report.scan), findingsOf(report.scan)]
  // A refusal is read for its findings.
  const body = isFinding(report) ? [...trust, ...names] : [...names, ...trust]
  const cost = [trafficOf(report.registries), rateLimitsOf(report), phasesOf(report)]
  return `${[verdictOf(report), ...body, ...cost, commandsOf(report)].filter((section) => section !== '').join('\n\n')}\n`
}

const PLATFORM_ROOM = { most: 50, bytes: 50_000 }

function platformsOf(platforms: readonly PlatformReport[]): string {
  return platforms.length === 0 ? '' : `### Platforms\n\n${table(PLATFORM_TABLE, platforms, PLATFORM_ROOM)}`
}

const PLATFORM_TABLE: Table<PlatformReport> = {
  head: ['Platform', 'Digest', 'Compressed'],
  row: ({ platform, digest, bytes }) => [text(platform), code(shortened(digest)), formatBytes(bytes)],
}

function shortened(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13)
}

function rateLimitsOf({ mode, rateLimits }: Report): string {
  const what = mode === 'promote' ? 'Reading the image' : 'This build'
  const sentences = rateLimits.slice(0, 10).map((limit) => {
    const name = limit.registry === 'docker.io' ? 'Docker Hub' : text(limit.registry)
    const left = `${limit.remaining} of ${limit.limit} pulls`
    return `${name}: ${left} were left for ${code(limit.identity)}, counted over ${formatDuration(limit.windowSeconds * 1000)}. ${what} may need ${limit.needed}.`
  })
  return sentences.length === 0 ? '' : `### Pull limit\n\n${sentences.map((sentence) => `- ${sentence}`).join('\n')}`
}

function phasesOf({ phases }: Report): string {
  if (phases.length === 0) return ''
  const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const shown = phases.slice(0, 30).map(({ name, milliseconds }) => `${text(name, 40)} ${formatDuration(milliseconds)}`)
  return `### Time\n\nTogether **${formatDuration(total)}**: ${shown.join(' · ')}`
}

// What a shell reads as a plain word. A name of any other form is no image and belongs into no command.
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/[\]-]{0,300}$/

function commandsOf(report: Report): string {
  const names = liveNames(report).filter((name) => PLAIN_NAME.test(name))
  const commands = names.slice(0, 50).map((name) => `docker pull ${name}@${report.digest}`)
  return commands.length === 0 ? '' : ['### Pull exactly this image', '', '```sh', ...commands, '```'].join('\n')
}
